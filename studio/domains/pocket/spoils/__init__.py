"""Pictures that are not of this world: renders spoilt on purpose, each in one named way.

The oracle's gate is trained to refuse them and `docs/oracle.md` says how often it lets one through. *Drawn* spoils change what
is drawn (no subject, two of them, half of one, one on its head) and know the scene; *image* spoils change the finished picture
(blur, noise, two pictures cut apart) and need not. Every spoil is clear to the eye: what a person would let pass is
`softened`, and counts as clean. Sizes are fractions of the side, strengths are of pictures in [0, 1].
"""

from studio.domains.pocket.spoils.drawn import COUNTS, DRAWN, drawn
from studio.domains.pocket.spoils.images import IMAGE, blur, of_image, softened

__all__ = ["COUNTS", "DRAWN", "IMAGE", "blur", "drawn", "of_image", "softened"]
