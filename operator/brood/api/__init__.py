"""The contract of ``brood.dev/v1alpha1``: models of the two resources, their reasons, labels and CRDs.

Specs are frozen pydantic models, which refuse and explain; statuses are frozen slots dataclasses, which the engine
builds by the thousand. The description of every field is the manual: the CRDs are generated from them, and ``kubectl
explain`` shows them.
"""
