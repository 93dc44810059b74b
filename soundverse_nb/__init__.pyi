# The public words and where each is defined: the one list, read by the package when it is imported (each word
# is loaded when it is first used) and by type checkers.
from . import analysis as analysis
from . import hosting as hosting
from . import simulator as simulator
from .analysis import Difference as Difference
from .analysis import Features as Features
from .analysis import analyse as analyse
from .analysis import analyse_all as analyse_all
from .analysis import compare_all as compare_all
from .analysis import compare_audio as compare_audio
from .analysis import metric as metric
from .api.event import RemixEvent as RemixEvent
from .api.event import Stage as Stage
from .api.request import RemixRequest as RemixRequest
from .client import Client as Client
from .client import RemixJob as RemixJob
from .client import connect as connect
from .client import enable_nested as enable_nested
from .errors import APIError as APIError
from .errors import AuthenticationError as AuthenticationError
from .errors import BudgetExceededError as BudgetExceededError
from .errors import ConfigurationError as ConfigurationError
from .errors import DownloadError as DownloadError
from .errors import GenerationFailedError as GenerationFailedError
from .errors import HostingError as HostingError
from .errors import InsufficientBalanceError as InsufficientBalanceError
from .errors import InvalidRequestError as InvalidRequestError
from .errors import PreflightError as PreflightError
from .errors import RateLimitError as RateLimitError
from .errors import ReferenceAudioError as ReferenceAudioError
from .errors import ServiceUnavailableError as ServiceUnavailableError
from .errors import SoundverseError as SoundverseError
from .errors import TransportError as TransportError
from .errors import UnknownOutcomeError as UnknownOutcomeError
from .errors import UnreadableAnswerError as UnreadableAnswerError
from .examples import example_song as example_song
from .reference import Limits as Limits
from .reference import PreflightReport as PreflightReport
from .reference import preflight as preflight
from .reference import preflight_all as preflight_all
from .reference import repair as repair
from .remix import Clip as Clip
from .remix import Remix as Remix
from .remix import RemixList as RemixList
from .widgets import compare as compare

__version__: str
