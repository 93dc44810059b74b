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
        "Jazz", ("jazz", "jazzy", "swing", "swinging", "bebop", "big band", "bossa"), 132, 2,
        swing=0.62, high_cut=11_000, tilt=-0.5, song=-2.0, drums="jazz", bass="walking",
        bass_sound="upright bass", chords="comping", room=0.2,
    ),
    Style(
        "House", ("house", "edm", "dance", "club", "disco house", "garage", "electro", "electronic",
                  "electronica", "tropical"), 124, -1, low_cut=110,
        tilt=0.4, song=-1.0, drums="house", bass="offbeat", bass_sound="synth bass", chords="stabs",
        chord_sound="organ", pump=0.8, room=0.16,
    ),
    Style(
        "Techno", ("techno", "trance", "rave", "industrial", "acid", "hardstyle", "gabber", "eurodance"), 134,
        -3, low_cut=140, high_cut=9_000, drive=0.35, song=-3.0, drums="techno", bass="sixteenths",
        bass_sound="synth bass", chords="offbeats", chord_sound="saw", pump=0.9, echo=0.22, room=0.2,
    ),
    Style(
        "Lo-fi", ("lo-fi", "chillhop", "study", "chill", "vinyl", "mellow"), 78, -2,
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
        "Orchestral", ("orchestral", "orchestra", "symphonic", "symphony", "cinematic", "epic", "classical",
                       "film", "opera"),
        92, 3, low_cut=40, high_cut=9_000, song=-3.5, drums="timpani", bass="roots", bass_sound="strings",
        chords="marcato", chord_sound="brass", tune_sound="strings", pad_sound="strings", room=0.55,
    ),
    Style(
        "8-bit",
        ("8-bit", "chiptune", "chip", "nes", "game boy", "arcade", "retro game", "video game"),
        140, 5, low_cut=160, high_cut=7_500, crush=0.8, song=-4.5, drums="chip", bass="octaves",
        bass_sound="triangle", chords="arpeggio", chord_sound="square", tune_sound="square", room=0.02,
    ),
    Style(
        "Rock", ("rock", "metal", "punk", "grunge", "guitar", "guitars", "heavy metal", "indie", "emo",
                 "alternative", "psychedelic", "shoegaze", "metalcore", "rock and roll"), 128, -2,
        low_cut=60, tilt=0.5, drive=0.85, song=-2.0, drums="rock", bass="eighths",
        bass_sound="picked bass", chords="power", chord_sound="distorted guitar", room=0.12,
    ),
    Style(
        "Ambient", ("ambient", "drone", "dreamy", "ethereal", "meditation", "space", "calm", "sleep",
                    "new age", "soundscape"), 66, -5, low_cut=60, high_cut=4_500, tilt=-0.6, song=-2.0,
        drums="none", bass="roots", bass_sound="sub bass", tune_sound="bell", pad_sound="choir", echo=0.4,
        room=0.85,
    ),
    Style(
        "Hip Hop", ("hip hop", "trap", "rap", "drill", "boom bap", "grime", "phonk"), 84, -3,
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
        ("drum and bass", "drum & bass", "drum n bass", "dnb", "d&b", "jungle", "breakbeat",
         "breakcore"), 172, -2,
        low_cut=130, song=-2.0, drums="breakbeat", bass="long", bass_sound="reese", pad_sound="pad",
        pump=0.35, echo=0.15, room=0.22,
    ),
    Style(
        "Synthwave", ("synth wave", "retro wave", "80s", "eighties", "new wave", "synth pop"),
        108, -1, low_cut=90, tilt=0.2, song=-2.5, drums="gated", bass="sixteenths",
        bass_sound="synth bass", chords="arpeggio", chord_sound="saw", pad_sound="pad", pump=0.35,
        echo=0.25, room=0.3,
    ),
    Style(
        "Acoustic",
        ("acoustic", "folk", "unplugged", "campfire", "singer-songwriter", "ballad"), 100,
        2, high_cut=12_000, song=-1.5, drums="shaker", bass="roots", bass_sound="upright bass",
        chords="strum", chord_sound="guitar", room=0.2,
    ),
    Style(
        "Latin", ("latin", "salsa", "samba", "cumbia", "reggaeton", "bossa nova", "tango", "mambo", "bachata",
                   "merengue", "mariachi", "cha cha"), 104,
        2, song=-1.5, drums="latin", bass="tumbao", bass_sound="upright bass", chords="montuno",
        chord_sound="piano", room=0.16,
    ),
    Style(
        "Pop", ("pop", "upbeat pop", "radio", "summer", "k-pop", "j-pop"), 112, 1, song=-1.0, drums="pop",
        bass="eighths", bass_sound="finger bass", chords="held", chord_sound="piano", pad_sound="pad",
        room=0.16,
    ),
    Style(
        "String Quartet", ("string quartet", "quartet", "chamber", "chamber music", "string ensemble",
                           "string trio"), 90, 2, low_cut=120, high_cut=10_000, song=-5.0, drums="none",
        bass="eighths", bass_sound="bowed strings", chords="marcato", chord_sound="bowed strings",
        tune_sound="bowed strings", pad_sound="strings", room=0.35,
    ),
    Style(
        "Gospel", ("gospel", "spiritual", "worship", "praise", "church"), 94, 2, swing=0.58, song=-2.5,
        drums="gospel", bass="walking", bass_sound="finger bass", chords="comping", chord_sound="organ",
        tune_sound="choir", pad_sound="choir", room=0.4,
    ),
    Style(
        "Baroque", ("baroque", "bach", "vivaldi", "handel", "fugue", "renaissance", "rococo"), 102, -2,
        low_cut=120, high_cut=9_000, song=-4.5, drums="none", bass="eighths", bass_sound="bowed strings",
        chords="arpeggio", chord_sound="harpsichord", tune_sound="flute", pad_sound="strings", room=0.4,
    ),
    Style(
        "Choral", ("choral", "a cappella", "a capella", "barbershop", "hymn", "chant", "gregorian"), 76, 2,
        low_cut=120, high_cut=7_000, song=-5.0, drums="none", bass="roots", bass_sound="choir",
        tune_sound="choir", pad_sound="choir", room=0.75,
    ),
    Style(
        "Blues", ("blues", "bluesy", "boogie", "boogie woogie"), 96, -2, swing=0.66, high_cut=11_000,
        drive=0.3, song=-2.0, drums="rock", bass="walking", bass_sound="finger bass", chords="comping",
        chord_sound="guitar", tune_sound="reed", room=0.16,
    ),
    Style(
        "Country", ("country", "bluegrass", "americana", "western", "honky tonk", "nashville"), 108, 2,
        low_cut=60, tilt=0.3, song=-1.5, drums="train", bass="octaves", bass_sound="upright bass",
        chords="strum", chord_sound="guitar", tune_sound="bowed strings", room=0.14,
    ),
    Style(
        "R&B", ("r&b", "rnb", "rhythm and blues", "neo soul", "slow jam"), 86, -1, swing=0.55,
        high_cut=12_000, song=-2.0, drums="trap", bass="long", bass_sound="sub bass", chords="held",
        chord_sound="electric piano", pad_sound="pad", room=0.2,
    ),
    Style(
        "Afrobeat", ("afrobeat", "afrobeats", "afro", "amapiano", "highlife", "african"), 110, 1,
        song=-2.0, drums="latin", bass="tumbao", bass_sound="finger bass", chords="scratch",
        chord_sound="guitar", tune_sound="brass", room=0.16,
    ),
    Style(
        "Celtic", ("celtic", "irish", "scottish", "gaelic", "jig", "sea shanty", "medieval"), 116, 2,
        song=-2.5, drums="shaker", bass="roots", bass_sound="bowed strings", chords="strum",
        chord_sound="guitar", tune_sound="flute", room=0.25,
    ),
    Style(
        "Flamenco", ("flamenco", "spanish guitar", "rumba", "gypsy"), 112, -1, song=-2.5, drums="latin",
        bass="tumbao", bass_sound="upright bass", chords="strum", chord_sound="guitar",
        tune_sound="guitar", room=0.2,
    ),
    Style(
        "Polka", ("polka", "klezmer", "balkan", "oompah", "folk dance"), 120, 2, song=-2.5, drums="train",
        bass="octaves", bass_sound="upright bass", chords="offbeats", chord_sound="accordion",
        tune_sound="reed", room=0.14,
    ),
    Style(
        "Bollywood", ("bollywood", "indian", "raga", "bhangra", "tabla", "hindi"), 104, 1, song=-2.5,
        drums="latin", bass="dub", bass_sound="sub bass", tune_sound="sitar", pad_sound="strings",
        room=0.25,
    ),
    Style(
        "March", ("march", "marching band", "brass band", "military"), 114, 3, low_cut=80, song=-3.0,
        drums="march", bass="octaves", bass_sound="brass", chords="marcato", chord_sound="brass",
        tune_sound="brass", room=0.25,
    ),
    Style(
        "Dubstep", ("dubstep", "brostep", "wobble"), 140, -4, low_cut=120, drive=0.3, song=-3.0,
        drums="trap", bass="dub", bass_sound="reese", chords="stabs", chord_sound="saw", pump=0.6,
        room=0.2,
    ),
    Style(
        "Trip Hop", ("trip hop", "downbeat"), 84, -3, swing=0.54, low_cut=60, high_cut=5_500, drive=0.2,
        song=-2.0, drums="boom bap", bass="long", bass_sound="sub bass", chords="held",
        chord_sound="electric piano", pad_sound="strings", crackle=0.6, echo=0.3, room=0.3,
    ),
    Style(
        "Vaporwave", ("vapor wave", "vapour wave", "chill wave"), 72, -4, low_cut=60, high_cut=4_500,
        tilt=-0.6, song=-1.0, drums="gated", bass="long", bass_sound="synth bass", pad_sound="pad",
        crackle=0.3, echo=0.5, room=0.6,
    ),
    Style(
        "Lullaby", ("lullaby", "music box", "nursery", "children", "kids"), 80, 5, low_cut=150,
        high_cut=6_000, song=-4.0, drums="none", chords="arpeggio", chord_sound="bell",
        tune_sound="bell", pad_sound="pad", room=0.4,
    ),
    Style(
        "Christmas", ("christmas", "xmas", "carol", "sleigh bells"), 100, 1, song=-2.5, drums="shaker",
        bass="roots", bass_sound="upright bass", chords="held", chord_sound="piano", tune_sound="bell",
        pad_sound="choir", room=0.35,
    ),
)  # fmt: skip


def known_styles() -> tuple[str, ...]:
    """The styles that the embedded service knows by their words; it knows moods and instruments, too.

    >>> import soundverse_nb as sv
    >>> "Gospel" in sv.simulator.known_styles()
    True
    """
    return tuple(style.name for style in STYLES)


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
    "harpsichord": ("chords", "harpsichord"),
    "accordion": ("chords", "accordion"),
    "ukulele": ("chords", "guitar"),
    "banjo": ("chords", "guitar"),
    "keyboard": ("chords", "electric piano"),
    "keys": ("chords", "electric piano"),
    "trombone": ("tune", "brass"),
    "tuba": ("tune", "brass"),
    "clarinet": ("tune", "reed"),
    "oboe": ("tune", "reed"),
    "whistle": ("tune", "flute"),
    "panpipes": ("tune", "flute"),
    "fiddle": ("tune", "bowed strings"),
    "cello": ("tune", "bowed strings"),
    "viola": ("tune", "bowed strings"),
    "violins": ("tune", "strings"),
    "sitar": ("tune", "sitar"),
    "xylophone": ("tune", "bell"),
    "marimba": ("tune", "bell"),
    "glockenspiel": ("tune", "bell"),
    "voices": ("pad", "choir"),
}
