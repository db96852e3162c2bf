"""Every threshold that turns a measurement into a verdict, in one place and with its reason. Needs no torch.

They were fixed from the research notes' test plan (statements S1–S7, equivalence margin, sampling errors), not from our
own figures, and are shares or multiples, so they mean the same on every model.
"""

from __future__ import annotations

# A difference in diversity below a tenth of the teacher's is called no difference: the equivalence margin of S3.
EQUIVALENT = 0.10
# An arm that surely gives back less than a quarter of the loss gives back nothing worth its name.
NEGLIGIBLE = 0.25
# Accuracies within five points count as equal fidelity: "a few per cent" of statement S11.
ACCURACY_MARGIN = 0.05
# A student that is right less often than this is not good enough to speak of its diversity.
MIN_ACCURACY = 0.90
# The mean pair distance has a standard deviation of about .03 to .06 at 32 seeds: enough for an effect of 0.15.
MIN_SEEDS = 32
# With fewer samples an arm (prompts × seeds) nothing is judged: half of a share's interval is then 12 points and more.
MIN_JUDGED = 64
# Compare looks at one prompt and judges one arm against the student from this many samples on.
MIN_COMPARED = 32
# A recovered share is a headline while its interval is at most this wide; a wider one only says that something comes back.
WIDEST_SHARE = 1.0
# The page prints a share in its largest type while its interval is at most this wide.
LOUDEST_SHARE = 0.6
# Fewer prompts say little about other prompts.
MIN_PROMPTS = 8
# x̂0 has committed when it is at most half as far from its final value as the yardstick says (the paper's own half).
COMMITTED = 0.5
# "The base commits at about 30 % of its steps": 30 % give or take a half of it.
BASE_COMMITS = (0.15, 0.45)
# A factor on which two states disagree less often than this hardly varies, and a share of it would be noise.
MIN_TOTAL = 0.02
# A sample's x̂0 made a detour when it came this share of its first distance nearer to its end and went away again.
DETOUR = 0.25
# Rounding may tip a sample at the edge of two readings on some hardware; more than one in twenty is another computation.
TIPPED = 0.05
# A slider that keeps between 0.7 and 1.3 of its slope moves another model "as far" (the expectation written beside S8).
RETAINED = (0.7, 1.3)
