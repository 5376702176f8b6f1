"""The numbers of the GGUF format, and which of them gpt4all 2.8.2 can run.

Measured with that release: loading or running any other architecture or tensor type fails or aborts the
process. Only tables; reading is in `gguf`.
"""

from dataclasses import dataclass

TEXT_ARCHITECTURES = frozenset(
    [
        "baichuan",
        "bloom",
        "chatglm",
        "codeshell",
        "command-r",
        "deepseek2",
        "falcon",
        "gemma",
        "gemma2",
        "gpt2",
        "gptneox",
        "internlm2",
        "jais",
        "llama",
        "mpt",
        "olmo",
        "openelm",
        "orion",
        "phi2",
        "phi3",
        "qwen",
        "qwen2",
        "qwen2moe",
        "refact",
        "stablelm",
        "starcoder",
        "starcoder2",
        "xverse",
    ]
)
EMBEDDING_ARCHITECTURES = frozenset({"bert", "nomic-bert"})


@dataclass(frozen=True, slots=True)
class TensorType:
    """`block` elements are stored together in `size` bytes."""

    name: str
    block: int
    size: int


TENSOR_TYPES: dict[int, TensorType] = {
    0: TensorType("F32", 1, 4),
    1: TensorType("F16", 1, 2),
    2: TensorType("Q4_0", 32, 18),
    3: TensorType("Q4_1", 32, 20),
    6: TensorType("Q5_0", 32, 22),
    7: TensorType("Q5_1", 32, 24),
    8: TensorType("Q8_0", 32, 34),
    10: TensorType("Q2_K", 256, 84),
    11: TensorType("Q3_K", 256, 110),
    12: TensorType("Q4_K", 256, 144),
    13: TensorType("Q5_K", 256, 176),
    14: TensorType("Q6_K", 256, 210),
    16: TensorType("IQ2_XXS", 256, 66),
    17: TensorType("IQ2_XS", 256, 74),
    18: TensorType("IQ3_XXS", 256, 98),
    19: TensorType("IQ1_S", 256, 50),
    20: TensorType("IQ4_NL", 32, 18),
    21: TensorType("IQ3_S", 256, 110),
    22: TensorType("IQ2_S", 256, 82),
    23: TensorType("IQ4_XS", 256, 136),
    29: TensorType("IQ1_M", 256, 56),
    30: TensorType("BF16", 1, 2),
}

NEWER_TENSOR_TYPES: dict[int, str] = {
    9: "Q8_1",
    15: "Q8_K",
    24: "I8",
    25: "I16",
    26: "I32",
    27: "I64",
    28: "F64",
    31: "Q4_0_4_4",
    32: "Q4_0_4_8",
    33: "Q4_0_8_8",
    34: "TQ1_0",
    35: "TQ2_0",
    39: "MXFP4",
    40: "NVFP4",
    41: "Q1_0",
}
"""Types that exist, but that gpt4all 2.8.2 cannot run; only their names are known here."""

FILE_TYPES: dict[int, str] = {
    0: "F32",
    1: "F16",
    2: "Q4_0",
    3: "Q4_1",
    7: "Q8_0",
    8: "Q5_0",
    9: "Q5_1",
    10: "Q2_K",
    11: "Q3_K_S",
    12: "Q3_K_M",
    13: "Q3_K_L",
    14: "Q4_K_S",
    15: "Q4_K_M",
    16: "Q5_K_S",
    17: "Q5_K_M",
    18: "Q6_K",
    19: "IQ2_XXS",
    20: "IQ2_XS",
    21: "Q2_K_S",
    22: "IQ3_XS",
    23: "IQ3_XXS",
    24: "IQ1_S",
    25: "IQ4_NL",
    26: "IQ3_S",
    27: "IQ3_M",
    28: "IQ2_S",
    29: "IQ2_M",
    30: "IQ4_XS",
    31: "IQ1_M",
    32: "BF16",
}
"""`general.file_type`: how a whole file is called when its tensors are of several types."""

# Metadata value types: number -> (struct format, bytes). Strings and arrays have their own rules.
SCALARS: dict[int, tuple[str, int]] = {
    0: ("<B", 1),
    1: ("<b", 1),
    2: ("<H", 2),
    3: ("<h", 2),
    4: ("<I", 4),
    5: ("<i", 4),
    6: ("<f", 4),
    7: ("<?", 1),
    10: ("<Q", 8),
    11: ("<q", 8),
    12: ("<d", 8),
}
UINT32, INT32, FLOAT32, STRING, ARRAY = 4, 5, 6, 8, 9
