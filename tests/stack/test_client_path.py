"""What the dashboards and phones of a client do, and what they are refused, through gateway, Auth and PostgREST."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mpp_supabase.local import StackStatus

from .client import *
from .client import _quoted
from .phone import *
from .school import *


@pytest.fixture(scope="module")
def place(stack: StackStatus) -> Iterator[Place]:
    """The stack of the whole test session."""
    with place_of(stack) as place:
        yield place

@pytest.fixture(scope="module")
def whole(place):
    return two_clients(place)

def test_x(place, whole):
    import time
    a,b=whole
    t=time.time()
    fresh=place.phone().sign_up()
    mine={n:everything_of(place,p) for n,p in a.client.staff.items()}
    visitor=everything_of(place,None); f=everything_of(place,fresh)
    theirs={n:everything_of(place,p) for n,p in b.client.staff.items()}
    m=marks({v:[r for n in theirs for r in theirs[n][v]] for v in theirs['owner']}, [*mine.values(),visitor,f])
    for v,r in theirs['owner'].items():
        print(v,len(r), [r[0]] if v.startswith(('client_','my_')) else '')
    print({c:len(x) for c,x in m.items()})
    l=list(reads(place,m)); print(len(l), time.time()-t)
    for path in l:
        an=place.raw("GET",f"{path[0]}?{path[1]}",a.owner)
        if an.text!='[]': print(path, an.status_code, an.text[:200])
    print(time.time()-t)
    acts_=acts_on(b, account_of(a.owner))
    print("unplaced", functions(place)-set(acts_), set(acts_)-functions(place))
    before=contents(place)
    for name,args in sorted(acts_.items()):
        out=[]
        for n,p in a.client.staff.items():
            an=place.raw("POST",f"rpc/{name}",p,json=args)
            out.append(f"{an.status_code} {an.json().get('code') if an.status_code>=400 else an.text[:100]}")
        print(name, out if len(set(out))>1 else out[0])
    after=contents(place)
    print({k for k in before if before[k]!=after[k]})
    print(time.time()-t)
    assert 0
