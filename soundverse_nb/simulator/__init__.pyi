from .faults import FAULTS as FAULTS
from .faults import Fault as Fault
from .jobs import Charge as Charge
from .jobs import Ledger as Ledger
from .music.styles import known_styles as known_styles
from .server import Simulator as Simulator
from .server import run as run
