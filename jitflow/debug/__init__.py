"""Shows what happened: reports, explanations, logs, counters. Listens to `core.events`."""
