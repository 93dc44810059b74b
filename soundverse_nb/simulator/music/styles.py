"""The styles a remix can take: what each does to the song and what it adds, one row a style."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Style:
    """A way to remix a song.

    What happens to the song: `bpm` (the tempo it leans towards), `semitones`, `swing` (where the second
    eighth of a beat falls), `low_cut` and `high_cut` in Hz, `tilt` in dB an octave (bright above 0), `drive`
    (0 clean to 1), `crush` (0 none to 1), `song` (its level in dB).
    What is added: `drums`, `bass` and `chords` name patterns, `..._sound` the instruments ("none" for none);
    the levels 0 to 1 of `crackle`, `echo`, `room`, and of `pump` (the song ducking under the kick).
    """

    name: str
    words: tuple[str, ...]
    bpm: float
    semitones: int = 0
    swing: float = 0.5
    low_cut: float = 30.0
    high_cut: float = 18_000.0
    tilt: float = 0.0
    drive: float = 0.0
    crush: float = 0.0
    song: float = 0.0
    drums: str = "pop"
    bass: str = "none"
    bass_sound: str = "finger bass"
    chords: str = "none"
    chord_sound: str = "electric piano"
    tune_sound: str = "none"
    pad_sound: str = "none"
    crackle: float = 0.0
    echo: float = 0.0
    room: float = 0.15
    pump: float = 0.0


STYLES: tuple[Style, ...] = (
    Style(
        "Jazz", ("jazz", "jazzy", "swing", "swinging", "bebop", "big band", "bossa", "blues"), 132, 2,
        swing=0.62, high_cut=11_000, tilt=-0.5, song=-2.0, drums="jazz", bass="walking",
        bass_sound="upright bass", chords="comping", room=0.2,
    ),
    Style(
        "House", ("house", "edm", "dance", "club", "disco house", "garage"), 124, -1, low_cut=110,
        tilt=0.4, song=-1.0, drums="house", bass="offbeat", bass_sound="synth bass", chords="stabs",
        chord_sound="organ", pump=0.8, room=0.16,
    ),
    Style(
        "Techno", ("techno", "trance", "rave", "industrial", "acid"), 134, -3, low_cut=140,
        high_cut=9_000, drive=0.35, song=-3.0, drums="techno", bass="sixteenths", bass_sound="synth bass",
        chords="offbeats", chord_sound="saw", pump=0.9, echo=0.22, room=0.2,
    ),
    Style(
        "Lo-fi", ("lofi", "lo-fi", "lo fi", "chillhop", "study", "chill", "vinyl", "mellow"), 78, -2,
        swing=0.56, low_cut=70, high_cut=3_400, tilt=-1.2, drive=0.25, song=-1.0, drums="boom bap",
        bass="roots", bass_sound="sub bass", chords="held", crackle=1.0, room=0.14,
    ),
    Style(
        "Dub", ("dub", "dubby"), 76, -3, low_cut=60, high_cut=6_500, tilt=-0.8, song=-3.0,
        drums="one drop", bass="dub", bass_sound="sub bass", chords="skank", chord_sound="organ",
        echo=0.9, room=0.3,
    ),
    Style(
        "Reggae", ("reggae", "ska", "rocksteady", "caribbean", "dancehall"), 80, 1, swing=0.56,
        high_cut=12_000, song=-2.0, drums="one drop", bass="dub", bass_sound="finger bass",
        chords="skank", chord_sound="organ", echo=0.3, room=0.16,
    ),
    Style(
        "Orchestral", ("orchestral", "orchestra", "symphonic", "cinematic", "epic", "classical", "film"),
        92, 3, low_cut=40, high_cut=9_000, song=-3.5, drums="timpani", bass="roots", bass_sound="strings",
        chords="marcato", chord_sound="brass", tune_sound="strings", pad_sound="strings", room=0.55,
    ),
    Style(
        "8-bit",
        ("8-bit", "8 bit", "8bit", "chiptune", "chip", "nes", "gameboy", "game boy", "arcade", "retro game"),
        140, 5, low_cut=160, high_cut=7_500, crush=0.8, song=-4.5, drums="chip", bass="octaves",
        bass_sound="triangle", chords="arpeggio", chord_sound="square", tune_sound="square", room=0.02,
    ),
    Style(
        "Rock", ("rock", "metal", "punk", "grunge", "guitar", "guitars", "heavy metal", "indie"), 128, -2,
        low_cut=60, tilt=0.5, drive=0.85, song=-2.0, drums="rock", bass="eighths",
        bass_sound="picked bass", chords="power", chord_sound="distorted guitar", room=0.12,
    ),
    Style(
        "Ambient", ("ambient", "drone", "dreamy", "ethereal", "meditation", "space", "calm", "sleep"), 66,
        -5, low_cut=60, high_cut=4_500, tilt=-0.6, song=-2.0, drums="none", bass="roots",
        bass_sound="sub bass", tune_sound="bell", pad_sound="choir", echo=0.4, room=0.85,
    ),
    Style(
        "Hip Hop", ("hip hop", "hip-hop", "hiphop", "trap", "rap", "drill", "boom bap"), 84, -3,
        low_cut=60, high_cut=8_500, drive=0.15, song=-2.0, drums="trap", bass="long",
        bass_sound="sub bass", chords="held", chord_sound="bell", room=0.15,
    ),
    Style(
        "Disco", ("disco", "funk", "funky", "soul", "motown", "nu disco", "groovy"), 116, 1, tilt=0.4,
        low_cut=80, song=-1.5, drums="disco", bass="octaves", bass_sound="finger bass", chords="scratch",
        chord_sound="guitar", pad_sound="strings", pump=0.2, room=0.16,
    ),
    Style(
        "Drum and Bass",
        ("drum and bass", "drum & bass", "drum n bass", "dnb", "d&b", "jungle", "breakbeat"), 172, -2,
        low_cut=130, song=-2.0, drums="breakbeat", bass="long", bass_sound="reese", pad_sound="pad",
        pump=0.35, echo=0.15, room=0.22,
    ),
    Style(
        "Synthwave", ("synthwave", "synth wave", "retrowave", "80s", "eighties", "new wave", "synth pop"),
        108, -1, low_cut=90, tilt=0.2, song=-2.5, drums="gated", bass="sixteenths",
        bass_sound="synth bass", chords="arpeggio", chord_sound="saw", pad_sound="pad", pump=0.35,
        echo=0.25, room=0.3,
    ),
    Style(
        "Acoustic",
        ("acoustic", "folk", "country", "unplugged", "campfire", "singer-songwriter", "bluegrass"), 100,
        2, high_cut=12_000, song=-1.5, drums="shaker", bass="roots", bass_sound="upright bass",
        chords="strum", chord_sound="guitar", room=0.2,
    ),
    Style(
        "Latin", ("latin", "salsa", "samba", "cumbia", "reggaeton", "bossa nova", "tango", "mambo"), 104,
        2, song=-1.5, drums="latin", bass="tumbao", bass_sound="upright bass", chords="montuno",
        chord_sound="piano", room=0.16,
    ),
    Style(
        "Pop", ("pop", "upbeat pop", "radio", "summer"), 112, 1, song=-1.0, drums="pop", bass="eighths",
        bass_sound="finger bass", chords="held", chord_sound="piano", pad_sound="pad", room=0.16,
    ),
)  # fmt: skip

# Words that name an instrument: what it plays, and its sound.
INSTRUMENT_WORDS: dict[str, tuple[str, str]] = {
    "brass": ("chords", "brass"),
    "horn": ("chords", "brass"),
    "horns": ("chords", "brass"),
    "trumpet": ("tune", "brass"),
    "saxophone": ("tune", "reed"),
    "sax": ("tune", "reed"),
    "flute": ("tune", "flute"),
    "violin": ("tune", "strings"),
    "strings": ("pad", "strings"),
    "choir": ("pad", "choir"),
    "pad": ("pad", "pad"),
    "pads": ("pad", "pad"),
    "organ": ("chords", "organ"),
    "piano": ("chords", "piano"),
    "rhodes": ("chords", "electric piano"),
    "synth": ("tune", "saw"),
    "synths": ("tune", "saw"),
    "bells": ("tune", "bell"),
    "vibraphone": ("tune", "bell"),
    "harp": ("chords", "guitar"),
}
