// The functions of the local stack, in one process: each is loaded as it stands, and the handler that it gives to
// Deno.serve answers below /its-name, as on a hosted project. Started by stack.py, which says what it may read and reach.

type Handler = (request: Request, info: Deno.ServeHandlerInfo) => Response | Promise<Response>;

const { port, entrypoints } = JSON.parse(Deno.env.get("EMBEDDED_FUNCTIONS")!) as {
  port: number;
  entrypoints: Record<string, string>;
};
const serve = Deno.serve;
const handlers = new Map<string, Handler>();

for (const [name, entrypoint] of Object.entries(entrypoints)) {
  Deno.serve = ((...given: unknown[]) => {
    handlers.set(name, given.find((one) => typeof one === "function") as Handler);
  }) as unknown as typeof Deno.serve;
  await import(entrypoint);
}

serve({ hostname: "127.0.0.1", port, onListen: () => {} }, (request, info) => {
  const handler = handlers.get(new URL(request.url).pathname.split("/")[1]);
  return handler?.(request, info) ?? Response.json({ message: "There is no such function" }, { status: 404 });
});
