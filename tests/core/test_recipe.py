"""A student's recipe: round trip, grids, and the sentence for leaving it."""

import pytest

from studio.core.recipe import Recipe, weights_hash

RECIPE = Recipe(
    teacher="pocket/teacher", teacher_hash="0123456789ab", timesteps=(999, 759, 499, 259), rule="lcm", prediction="v",
    valid_steps=(2, 4),
)  # fmt: skip


def test_saved_and_loaded_alike(tmp_path):
    RECIPE.save(tmp_path)
    assert Recipe.load(tmp_path) == RECIPE
    assert [p.name for p in tmp_path.iterdir()] == ["recipe.json"]


def test_a_recipe_cannot_be_changed_in_place():
    with pytest.raises(ValueError, match="frozen"):
        RECIPE.rule = "ddim"


def test_on_recipe_grids_are_taken_from_the_trained_one():
    assert RECIPE.timesteps_for() == RECIPE.timesteps_for(4) == (999, 759, 499, 259)
    assert RECIPE.timesteps_for(2) == (999, 499)


def test_leaving_the_recipe_must_be_asked_for():
    with pytest.raises(ValueError, match=r"8 steps are off this student's recipe \(2, 4 fit\)"):
        RECIPE.timesteps_for(8)
    more = RECIPE.timesteps_for(8, off_recipe=True)
    assert len(more) == 8
    assert more[::2] == RECIPE.timesteps
    assert list(more) == sorted(more, reverse=True)
    assert RECIPE.timesteps_for(3, off_recipe=True) == (999, 759, 499)
    assert RECIPE.off_recipe(4) is None


def test_impossible_step_counts_are_refused():
    with pytest.raises(ValueError, match="at least 1"):
        RECIPE.timesteps_for(0, off_recipe=True)
    with pytest.raises(ValueError, match="fewer would"):
        RECIPE.timesteps_for(3000, off_recipe=True)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"timesteps": (1, 2)}, "decreasing"),
        ({"timesteps": ()}, "at least one"),
        ({"timesteps": (5, -3)}, "none below 0"),
        ({"valid_steps": (2,)}, "that include 4"),
        ({"extra": 1}, "Extra inputs"),
    ],
)
def test_recipes_that_contradict_themselves_are_refused(change, sentence):
    with pytest.raises(ValueError, match=sentence):
        Recipe.model_validate({**RECIPE.model_dump(), **change})


def test_loading_explains_what_is_wrong(tmp_path):
    with pytest.raises(FileNotFoundError, match="has no recipe.json"):
        Recipe.load(tmp_path)
    (tmp_path / "recipe.json").write_text("{")
    with pytest.raises(ValueError, match="recipe.json of"):
        Recipe.load(tmp_path)


def test_the_hash_sees_every_weight_file_and_nothing_else(tmp_path):
    with pytest.raises(FileNotFoundError, match="safetensors"):
        weights_hash(tmp_path)
    (tmp_path / "unet").mkdir()
    (tmp_path / "unet" / "a.safetensors").write_bytes(b"one")
    first = weights_hash(tmp_path)
    (tmp_path / "card.json").write_text("{}")
    assert weights_hash(tmp_path) == first
    assert len(first) == 12
    (tmp_path / "unet" / "a.safetensors").write_bytes(b"two")
    assert weights_hash(tmp_path) != first


def test_a_step_count_may_have_a_grid_of_its_own(tmp_path):
    """LCM's grids of 3 and 4 steps have two timesteps alike; taken from 4, three steps would be asked at the wrong ones."""
    given = {**RECIPE.model_dump(), "timesteps": (999, 759, 499, 259), "valid_steps": (2, 3, 4), "grids": {3: (999, 679, 339)}}
    lcm = Recipe.model_validate(given)
    assert lcm.timesteps_for(3) == (999, 679, 339) and lcm.timesteps_for(2) == (999, 499)
    lcm.save(tmp_path)
    assert Recipe.load(tmp_path) == lcm
    for grids, sentence in [
        ({3: (999, 679)}, "the grid for 3 steps"),
        ({5: (9, 8, 7, 6, 5)}, "5 steps, which valid_steps has not"),
    ]:
        with pytest.raises(ValueError, match=sentence):
            Recipe.model_validate({**given, "grids": grids})
