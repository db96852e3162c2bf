"""The terms of the page, each explained once. Labels that hold one open its explanation (`assets/ui/kit/glossary.js`).

`python -m studio.ui.kit.glossary > docs/glossary.md` writes the same as a page of the documentation.
"""

from __future__ import annotations

from dataclasses import dataclass

from studio.core.files import Json

ADDRESS = "ui/glossary.json"  # below the address of the page
HEAD = """# Glossary

The terms of the page, as it explains them where they stand. Written by `python -m studio.ui.kit.glossary > docs/glossary.md`.
"""


@dataclass(frozen=True)
class Term:
    """text: one or two sentences. also: other words on labels that mean it, in small letters."""

    name: str
    text: str
    also: tuple[str, ...] = ()

    @property
    def forms(self) -> list[str]:
        return [self.name.lower(), *self.also]


TERMS = (
    Term("accuracy", "Share of the pictures in which everything the prompt states is as asked, with exactly one subject. "
         "A diversity says little without it.", ("accuracy at ±1",)),
    Term("across domains", "Of a model that was asked to forget: what else prompts say, such as a colour or a place, in pictures "
         "that must stay.", ("everything else",)),
    Term("adapter", "A small file that changes a model while it is worn: a slider, a LoRA or a new word. "
         "It is put on and taken off without touching the weights.", ("adapters", "lora")),
    Term("arm", "One way to draw the same seeds: the teacher, the student, a hybrid or a remedy.", ("arms", "rows")),
    Term("axis", "A setting of a grid and its values: X stands across, Y down, and every value of Z has a page.", ("axes",)),
    Term("base step", "A step that the teacher takes in place of its student. A hybrid with k = 1 has one, at the start.",
         ("base steps", "base steps k", "of the base")),
    Term("batch", "Samples that one update of the training learns from.", ("batch size",)),
    Term("candidate", "What is evaluated: a model, a plan of a student and its teacher, or either with adapters on. All of them "
         "draw the same prompts from the same seeds.", ("candidates",)),
    Term("ControlNet", "A second network that reads a picture (a layout, edges) and makes the model follow it.",
         ("a picture to follow",)),
    Term("diversity", "How evenly recognised samples spread over what the prompt leaves open: mean normalised entropy of those "
         "factors, 1 for even, 0 for always the same. "
         "Where no oracle reads: mean distance of two pictures to a judge, who is named."),
    Term("embedded guidance", "A guidance scale that a network takes as an input, like FLUX.1-dev and students of guidance "
         "distillation; it costs no second evaluation."),
    Term("even from", "Strengths over which an adapter's effect follows its line within a quarter."),
    Term("fake score", "A network that learns what the student draws, so that it can be compared with the teacher's belief. "
         "It is thrown away after the training.", ("fake scores",)),
    Term("FD-oracle", "Fréchet distance between samples and the world in the features of the oracle; lower is closer.",
         ("fréchet distance",)),
    Term("guidance", "How far each step is pushed from what the model draws without the prompt towards what it draws with it. "
         "1 is none; a guided step asks the network twice.", 
         ("teacher guidance", "guided", "base guidance", "guidance of a hybrid s")),
    Term("hand-over", "The noise level at which one model stops and another goes on.", ("handover",)),
    Term("hybrid", "The teacher takes the first k steps and the student the rest, at the student's cost. "
         "It gives back part of the diversity that the student lost.", ("hybrids", "hybrid k=1")),
    Term("identity kept", "Share of the pictures whose subject and its looks stay what they are without the adapter."),
    Term("other factors changed", "Share of the factors besides the one an adapter is to move that read otherwise with it than "
         "without."),
    Term("image to image", "Sampling that begins with a noised picture instead of noise; the less noise, the more stays."),
    Term("in its domain", "Of a model that was asked to forget: other values of the factor that the concept is one of, such "
         "as other subjects.", ("others of its kind",)),
    Term("in distribution", "Share of the pictures that the oracle takes for clean scenes of the world, besides recognising one "
         "subject."),
    Term("interval", "The range in brackets holds the true value in 95 of 100 such measurements; more seeds make it narrower.",
         ("intervals", "95 % intervals")),
    Term("judge", "Who answers the questions that a prompt becomes by looking at its sample. Where a world is known, that is its "
         "oracle.", ("how far the judge can be trusted", "judges")),
    Term("loss", "What a training makes small. Of objectives with a surrogate its value measures nothing; judge by the figures.",
         ("losses",)),
    Term("mask", "Who takes which step, as letters: B for base (the teacher), S for student, - for none."),
    Term("measured otherwise", "Figures of other prompts or of another number of pictures, which cannot be compared."),
    Term("negative prompt", "Words that guided steps move away from, instead of from nothing. Steps without guidance do not hear "
         "them.", ("negative",)),
    Term("NFE", "Network evaluations per image, the cost of drawing it. A guided step counts two.",
         ("network evaluations", "nfe per image", "cost")),
    Term("noise level", "Noise over signal, σ/α, of a state on the way: ∞ is pure noise, 0 the finished picture.", ("noise",)),
    Term("not recognised", "Pictures in which the reader finds no single thing that it knows."),
    Term("objective", "What a student is taught by: the loss of a published method of distillation.",
         ("objectives", "what the student is taught by")),
    Term("planted errors", "Errors put one by one into things whose truth is known, which a judge that can be trusted must find.",
         ("planted",)),
    Term("off-recipe", "Sampled in other steps or with another rule than the student was trained for; its figures may be worse "
         "than it is.", ("off its recipe", "off recipe")),
    Term("oracle", "A network that reads the factors of Pocket World back from pictures, so that what was drawn can be counted."),
    Term("Pareto front", "Rows that no other row beats: none is at least as good in quality, diversity and cost and better in "
         "one."),
    Term("recipe", "The timesteps, rule and guidance a student was trained for; it travels in the student's own file."),
    Term("relation", "A question about where things are, not what they are like, such as whether a house is by the sea.",
         ("relations",)),
    Term("re-noise", "Fresh noise that a student adds between its steps. More of it moves samples apart and may cost "
         "fidelity.", ("re-noising",)),
    Term("recovery", "Share of the diversity lost from teacher to student that an arm gives back.",
         ("recovered", "of the loss given back", "gain over the student")),
    Term("reference", "A picture that one attribute is taken from, its colour or its light, by an adapter that reads it. "
         "The prompt says the rest.", ("references", "attributes from pictures", "reference pictures")),
    Term("remedy", "A published change of sampling against lost diversity; it needs no training.", ("remedies",)),
    Term("retention", "An adapter's slope on this model over its slope on the model it was trained on."),
    Term("retention matrix", "What a model that was asked to forget still shows of the concept, of others of its kind and of "
         "everything else, before and after, on the same prompts and noises."),
    Term("ρ", "Scale of the re-noising between steps: 1 is the student's own, 0 none.", ("rho", "noise modulation")),
    Term("second witness", "Another network, which never saw Pocket World, reads the same pictures beside the oracle."),
    Term("seed", "The number that a noise is drawn from; equal seeds start every arm from the same noise.", ("seeds",)),
    Term("sign test", "Counts on how many samples one candidate is better and on how many the other. Its p is how often chance "
         "alone would split them at least so unevenly.", ("sample by sample",)),
    Term("shipped", "Drawn and measured before, and brought along with the program; models, seeds and day stand beside it."),
    Term("Shapley value", "What a base step at this place is worth on average over all orders of adding base steps.",
         ("shapley",)),
    Term("skip-first", "The student without its first step: the honest baseline of a hybrid, as it is no less cheap.",
         ("skip first",)),
    Term("SINE", "A way to edit one picture: an adapter learns it, and what it says is mixed into the early steps of the edit."),
    Term("slider", "An adapter with a strength from one end to the other, like small to large.", ("sliders", "train a slider")),
    Term("slope", "How much what an adapter moves changes for one unit of strength.", ("slope a unit",)),
    Term("Spearman", "Rank correlation of strength and effect: 1 where more strength always means more of it."),
    Term("strength", "How far an adapter is turned: 0 is off, 1 its calibrated effect, negative the other end.",
         ("strengths",)),
    Term("student", "A model taught to draw in a few steps what its teacher draws in many.", ("students", "student steps")),
    Term("student-first", "The hybrid the other way round: the student takes the first steps, the teacher the last.",
         ("student first",)),
    Term("teacher", "The many-step model that a student was taught by; it needs more network evaluations a picture.",
         ("teachers", "teacher and student", "teacher steps")),
    Term("verdict", "Whether a statement holds here, does not, or cannot be told from so few samples.", ("verdicts",)),
    Term("x̂0", "What a network believes, from a noisy state on the way, the finished picture to be.",
         ("x̂₀", "belief", "beliefs", "believe", "what the networks believe")),
)  # fmt: skip


def data() -> list[Json]:
    """For the page."""
    return [{"name": term.name, "text": term.text, "forms": term.forms} for term in TERMS]


def document() -> str:
    """docs/glossary.md."""
    rows = "\n".join(f"**{term.name}**: {term.text}\n" for term in sorted(TERMS, key=lambda term: term.name.lower()))
    return f"{HEAD}\n{rows}"


if __name__ == "__main__":
    print(document(), end="")
