"""What is wrong with a request, said in the words of the form."""

from __future__ import annotations

import pytest

from studio.ui.kit.messages import in_form


@pytest.mark.parametrize(
    ("sentence", "kind", "said"),
    [
        ("teacher_steps is 0; at least 1 fits.", "compare", "Teacher steps: 0; at least 1 fits."),
        ("draw.teacher_guidance is 99; at most 15 fits.", "scrub", "Teacher guidance: 99; at most 15 fits."),
        ("seeds.3 is 'x'; a whole number fits.", "compare", "Seeds: 'x'; a whole number fits."),
        ("critic_lr is -1; above 0 fits.", "distill", "Learning rate of the fake score: -1; above 0 fits."),
        ("It asks for student_steps off its recipe.", "compare", "It asks for Student steps off its recipe."),
        ("There is no model called house_of_cards.", "compare", "There is no model called house_of_cards."),
        ("The prompt is empty; any words fit.", "compare", "The prompt is empty; any words fit."),
    ],
)  # fmt: skip
def test_fields_have_their_labels(sentence: str, kind: str, said: str) -> None:
    assert in_form(sentence, kind) == said
