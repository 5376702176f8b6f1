"""How fast maintenance is, one section a job.

    python -m benchmarks.maintenance [SECTION ...] [--json]

Sections: `profiles` (the pipeline by the number of attributes, and a pass over entities none of which
changed).
What changed is what costs: the goals are under 5 ms an entity of 50 attributes without a model, growth no
faster than the attributes, and under a second for a pass over 10,000 unchanged entities.
"""
