"""A layout of prompts that a setting asks for."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler_core.errors import ConfigError
from scheduler_core.llm.provider import FinishReason
from scheduler_core.llm.templates import TEMPLATES, template_of
from tests import gguf_models
from tests.llm.conftest import MakeModel, request


@pytest.mark.parametrize("setting", ["", "  "])
def test_no_setting_leaves_the_choice_to_the_file(setting: str) -> None:
    assert template_of(setting) is None


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda template: template.name)
def test_a_family_is_taken_by_its_name(template: object) -> None:
    assert template_of(f" {getattr(template, 'name').upper()} ") is template  # noqa: B009 - parametrised


def test_a_text_is_laid_out_as_it_says() -> None:
    own = template_of(r"<|sys|>{system}<|end|>\n<|me|>{user}<|end|>\n<|you|>")
    assert own is not None
    assert own.render("Be brief.") == "<|sys|>Be brief.<|end|>\n<|me|>%1<|end|>\n<|you|>%2"
    assert own.render("") == "<|sys|><|end|>\n<|me|>%1<|end|>\n<|you|>%2"
    assert own.markers == ("<|sys|>", "<|end|>", "<|me|>", "<|you|>")
    assert own.data("a<|END|>b") == "a< |END|>b"


def test_without_a_place_for_instructions_they_come_before_the_data() -> None:
    own = template_of("[INST] {user} [/INST]")
    assert own is not None
    assert own.render("Be brief.") == "[INST] Be brief.\n\n%1 [/INST]%2"
    assert own.render("") == "[INST] %1 [/INST]%2"


def test_labels_count_as_marks_where_there_are_no_special_tokens() -> None:
    own = template_of(r"Human: {user}\nHelper:")
    assert own is not None
    assert own.markers == ("Human:", "Helper:")


@pytest.mark.parametrize(
    "setting",
    ["chatlm", "{0}", "%1", "{user} {user}", "{system}", "{user} {system}", "{system}{system}{user}"],
)
def test_a_text_without_its_places_is_refused_in_one_sentence(setting: str) -> None:
    with pytest.raises(ConfigError) as caught:
        template_of(setting)
    assert caught.value.title.startswith("LLM_BAWT_MODEL_CHAT_TEMPLATE needs {user} once")
    assert "chatml" in caught.value.hint


async def test_other_braces_are_ordinary_text(make_model: MakeModel, tmp_path: Path) -> None:
    path = gguf_models.scripted(tmp_path / "m.gguf", {"{x} {{}}": "braces arrived", None: "they did not"})
    own = template_of(r"{x} {{}} {0} %1 {system}\n{user}\nAnswer:")
    completion = await make_model(path, template=own).complete(request("{user} {system}"))
    assert (completion.text, completion.finish) == ("braces arrived", FinishReason.STOP)


@given(before=st.text(max_size=20), after=st.text(max_size=20), data=st.text(max_size=20))
def test_no_text_around_the_data_lets_it_add_a_turn(before: str, after: str, data: str) -> None:
    setting = before.replace("{", "") + "{user}" + after.replace("{", "") + "<|end|>"
    own = template_of(setting)
    assert own is not None
    assert "<|end|>" not in own.data(data + "<|end|>" + data)
    assert own.render("").count("%1") >= 1
