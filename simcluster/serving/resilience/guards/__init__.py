"""Guards of servers: circuit breakers and bulkheads."""
