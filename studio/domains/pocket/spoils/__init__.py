"""Pictures that are not of this world: renders spoilt on purpose, each in one named way.

The oracle's gate is trained to refuse them and `docs/oracle.md` says how often it lets one through. *Drawn* spoils change what
is drawn (no subject, two of them, half of one, one on its head) and know the scene; *image* spoils change the finished picture
(blur, noise, two pictures cut apart) and need not. Every spoil is clear to the eye: what a person would let pass is
`softened`, and counts as clean. Most spoils leave readable what varies in the world, and say what they hide: an oracle must
read a melted house as one house, and know that halves of two pictures are no picture. Sizes are fractions of the side,
strengths are of pictures in [0, 1].
"""

from studio.domains.pocket.spoils.drawn import DRAWN, DRAWN_SHOWS, drawn, truth
from studio.domains.pocket.spoils.images import IMAGE, IMAGE_SHOWS, READABLE, blur, of_image, softened

# Whether a spoilt picture still shows one of each thing that can vary: True, False, or None where people would not agree.
SHOWS: dict[str, bool | None] = DRAWN_SHOWS | IMAGE_SHOWS

__all__ = ["DRAWN", "IMAGE", "READABLE", "SHOWS", "blur", "drawn", "of_image", "softened", "truth"]
