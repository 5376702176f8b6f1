"""What our node is measured beside: three other schedulers, and the limit that plain batched SQL sets."""
