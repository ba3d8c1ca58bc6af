"""The HTTP endpoints, by what a person wants: come in for the first time, ask for a mail, prove, come back, change."""
