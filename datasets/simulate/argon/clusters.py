"""One cluster of charge in three planes: seen by the read-out, found, and told apart from others. With numba."""

from __future__ import annotations

import math

import numba

from app.physics.argon.medium import ELECTRON_MASS as MASS
from datasets.simulate.argon.primitives import find
from datasets.simulate.argon.space import KIND, PHOTON, VISIBLE
from datasets.simulate.argon.waveforms import add_noise, clear, collect
from datasets.simulate.argon.windows import centre, draw, first_of
from datasets.simulate.engine.compiled_random import uniform

ADC_PER_MEV = 3600.0
"""Sum of ADC counts on X of 1 MeV of an electron's energy, about: cluster energies are sums over this."""
LEAST_VISIBLE = 0.3
"""Photons that leave less are no clusters [MeV]."""
PURITY = 0.5
"""A window belongs to what leaves more than this share of the charge that X sees in it."""


@numba.njit
def pick_photon(space):  # type: ignore[no-untyped-def]
    """Return an origin that is a visible photon of the event, each as likely as another; -1 when there is none."""
    found, chosen = 0, -1
    for i in range(1, space.used[2]):
        if space.origins[i, KIND] == PHOTON and space.origins[i, VISIBLE] > LEAST_VISIBLE:
            found += 1
            if uniform(space.state) * found < 1.0:
                chosen = i
    return chosen


@numba.njit
def middle(space, electronics, origin, out):  # type: ignore[no-untyped-def]
    """Set `out` (3, 2) to the channel and tick of an origin's mean charge; return its drift [cm], -1 without charge."""
    total, x, y, z = 0.0, 0.0, 0.0, 0.0
    for n in range(space.used[1]):
        if space.source[n] == origin:
            row = space.deposits[n]
            total, x = total + row[4], x + row[4] * row[0]
            y, z = y + row[4] * row[1], z + row[4] * row[2]
    if total <= 0.0:
        return -1.0
    x, y, z = x / total, y / total, z / total
    for plane in range(3):
        out[plane, 0] = electronics.projection[plane, 1] * y + electronics.projection[plane, 2] * z
        out[plane, 1] = electronics.projection[3, 0] * x
    return x


@numba.njit
def expose(space, electronics, forms, origin, middles):  # type: ignore[no-untyped-def]
    """Read out everything around an origin's charge; return whether there is any. The middles are set, (3, 2)."""
    drift = middle(space, electronics, origin, middles)
    if drift < 0.0:
        return False
    clear(forms, electronics, middles, drift)
    collect(forms, electronics, space)
    add_noise(forms, electronics, space.state)
    find(forms, electronics)
    return True


@numba.njit
def locate(forms, middles, width, height):  # type: ignore[no-untyped-def]
    """Move the middles of windows to what is seen in them; return whether each plane sees something."""
    seen = True
    for plane in range(3):
        channel, tick = middles[plane, 0], middles[plane, 1]
        channel, tick, total = centre(forms.primitives, forms.found[0], plane, channel, tick, width, height)
        middles[plane, 0], middles[plane, 1] = channel, tick
        seen = seen and total > 0.0
    return seen


@numba.njit
def pure(space, electronics, origin, middles, width, height):  # type: ignore[no-untyped-def]
    """Return whether more than half of the charge in the window on X comes from this origin."""
    own, every = 0.0, 0.0
    for n in range(space.used[1]):
        row = space.deposits[n]
        channel = electronics.projection[2, 1] * row[1] + electronics.projection[2, 2] * row[2]
        tick = electronics.projection[3, 0] * row[0]
        if abs(channel - middles[2, 0]) <= 0.5 * width and abs(tick - middles[2, 1]) <= 0.5 * height:
            every += row[4]
            if space.source[n] == origin:
                own += row[4]
    return own > PURITY * every


@numba.njit
def take(forms, middles, images):  # type: ignore[no-untyped-def]
    """Draw the windows of U, V and X into images (ticks, channels); return the energy on X [MeV]."""
    for plane in range(3):
        image = images[plane]
        channel, tick = first_of(middles[plane, 0], image.shape[1]), first_of(middles[plane, 1], image.shape[0])
        image[:, :] = 0.0
        draw(forms.primitives, forms.found[0], plane, channel, tick, image)
    return images[2].sum() / ADC_PER_MEV


@numba.njit
def momentum(origin):  # type: ignore[no-untyped-def]
    """Return an origin's momentum [GeV/c] and total energy [MeV]."""
    energy = origin[0]
    if origin[KIND] == PHOTON:
        p, total = energy, energy
    else:
        p, total = math.sqrt(energy * (energy + 2.0 * MASS)), energy + MASS
    p *= 1e-3
    return p * origin[4], p * origin[5], p * origin[6], total
