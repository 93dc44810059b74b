"""Which containers FFmpeg may open."""

from __future__ import annotations

from typing import Any

import av

# Demuxers of files that hold sound themselves. Playlists and manifests are left out on purpose: FFmpeg
# would open what they name, over the network too.
DEMUXERS = (
    "aac,ac3,aiff,amr,ape,asf,au,avi,caf,dsf,dts,dtshd,eac3,flac,flv,iff,loas,matroska,mov,mp3,mpc,mpc8,mpeg,"
    "mpegts,oga,ogg,oma,rm,tak,truehd,tta,voc,w64,wav,wv,xwma,"
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm"
)
# Tags that are not UTF-8: PyAV before 19 refuses the file unless told otherwise, from 19 on it takes them.
LENIENT_TAGS: dict[str, Any] = (
    {"metadata_errors": "replace"} if int(av.__version__.partition(".")[0]) < 19 else {}
)
