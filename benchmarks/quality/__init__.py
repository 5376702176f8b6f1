"""How true maintenance keeps profiles, with models that behave well and models that do not.

    python -m benchmarks.quality [--entities N] [--seed N] [--model PATH] [--json]

Labelled profiles are made from a seed and go through the whole pipeline of profile maintenance, once for each
way a model can behave. The gates hold whatever the model does; the command ends with 1 if one does not.
`hard_pairs.jsonl` holds pairs written by hand. Nothing here is part of the product.
"""
