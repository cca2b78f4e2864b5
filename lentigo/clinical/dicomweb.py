"""A DICOMweb server: searched, read and written with retries; refusals and silence are errors in words."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from lentigo.errors import HospitalError

if TYPE_CHECKING:
    from pydicom import Dataset

ATTEMPTS = 5
FIRST_WAIT_SECONDS = 0.5  # before the second attempt; each further wait is twice as long
CONNECT_SECONDS = 10.0
READ_SECONDS = 120.0
PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})  # answers that may be others in a moment
WORDS = {
    401: "it does not know who asks; name a token (--token-file) or a client certificate",
    403: "it does not allow that; ask for the right to read images and to store reports",
    404: "there is no DICOMweb at that address; expected one such as http://host:8042/dicom-web",
    507: "its disk is full",
}

# Tags of DICOM JSON
SOP_CLASS = "00080016"
SOP_INSTANCE_UID = "00080018"
STUDY_UID = "0020000D"
SERIES_UID = "0020000E"
NUMBER_OF_FRAMES = "00280008"

Value = TypeVar("Value")


@dataclass(frozen=True)
class Access:
    """How a server is asked.

    Attributes:
        url: of its DICOMweb service.
        token: a bearer token; "" for none.
        certificate: a client certificate as PEM, with its key unless `key` names that.
        key: of the certificate.
        authority: certificates of the authorities that are trusted, as PEM; the system's own unless named.
    """

    url: str
    token: str = ""
    certificate: Path | None = None
    key: Path | None = None
    authority: Path | None = None


class DicomWebServer:
    """A DICOMweb server.

    Args:
        access: address and credentials.
        attempts: how often a call is tried that may pass the next time.
    """

    def __init__(self, access: Access, attempts: int = ATTEMPTS) -> None:
        from dicomweb_client.api import DICOMwebClient

        self.url = access.url.rstrip("/")
        self.attempts = attempts
        try:
            self.client = DICOMwebClient(self.url, session=open_session(access))
        except (ValueError, OSError) as error:
            raise HospitalError(
                f"{self.url}: {error}; expected an address such as http://host:8042/dicom-web"
            ) from error
        self.client.set_http_retry_params(retry=False)  # `call` does it, and says what was tried

    def list_studies(self, since: str) -> list[str]:
        """UIDs of the studies from a day on.

        Args:
            since: the day, YYYYMMDD; "" for all.
        """
        # DICOM's range without an end; a search without it lists all studies
        filters = {"StudyDate": f"{since}-"} if since else {}
        found = self.call(lambda: self.client.search_for_studies(search_filters=filters, get_remaining=True))
        uids = []
        for study in found:
            uid = read_value(study, STUDY_UID)
            if uid:
                uids.append(uid)
        return uids

    def list_instances(self, study: str) -> list[dict[str, Any]]:
        """The attributes of a study's instances, as DICOM JSON.

        Args:
            study: Its UID.
        """
        return self.call(
            lambda: self.client.search_for_instances(
                study, fields=["SOPClassUID", "NumberOfFrames"], get_remaining=True
            )
        )

    def fetch_instance(self, study: str, series: str, instance: str) -> Dataset:
        """An instance with its pixels, in the transfer syntax in which it is stored.

        Args:
            study: The UID of its study.
            series: The UID of its series.
            instance: Its own UID.
        """
        media = (("application/dicom", "*"),)  # else the server may convert the pixels
        return self.call(lambda: self.client.retrieve_instance(study, series, instance, media_types=media))

    def store(self, dataset: Dataset, study: str) -> None:
        """Stores an object. Raises `HospitalError` where the server refuses it.

        Args:
            dataset: The object.
            study: The UID of the study that it joins.
        """
        answer = self.call(lambda: self.client.store_instances([dataset], study_instance_uid=study))
        failed = answer.get("FailedSOPSequence") or ()
        if failed:
            reason = failed[0].get("FailureReason", 0)
            raise HospitalError(f"{self.url}: refuses the object (reason {reason:04X} of DICOM PS3.18, I.2)")

    def call(self, ask: Callable[[], Value]) -> Value:
        """What a call gives, tried again where it may pass. Raises `HospitalError`.

        Args:
            ask: Makes the request once.
        """
        import requests

        wait = FIRST_WAIT_SECONDS
        for attempt in range(1, self.attempts + 1):
            try:
                return ask()
            except requests.HTTPError as error:
                # 0 stands for an answer that was broken off before its status
                code = error.response.status_code if error.response is not None else 0
                problem = f"answers {code}: {WORDS.get(code, 'see its log')}"
                if code not in PASSING:
                    raise HospitalError(f"{self.url}: {problem}") from error
            except requests.exceptions.SSLError as error:  # before ConnectionError, of which it is a kind
                raise HospitalError(f"{self.url}: {explain_tls(error)}") from error
            except (requests.ConnectionError, requests.Timeout) as error:
                if "alert certificate required" in str(error):  # TLS 1.3 says so while the answer is read
                    raise HospitalError(f"{self.url}: {explain_tls(error)}") from error
                problem = f"does not answer ({type(error).__name__}); expected a server that runs"
            # requests and dicomweb-client raise these where an answer is no DICOM JSON
            except (ValueError, OSError) as error:
                problem = f"answers what is no DICOMweb ({' '.join(str(error).split())[:100]})"
            if attempt < self.attempts:
                time.sleep(wait)
                wait *= 2
        raise HospitalError(f"{self.url}: {problem}; tried {self.attempts} times")


def explain_tls(error: Exception) -> str:
    """Why no secure connection is made, and the cure."""
    words = str(error).lower()
    if "certificate verify failed" in words or "certificate_verify_failed" in words:
        return "its certificate is not signed by an authority that is trusted; name that with --ca FILE"
    if "alert" in words:
        return "it does not take this client's certificate; name one that it knows with --client-cert FILE"
    if "pem" in words:
        return "a certificate or key is no PEM file; expected one that begins with -----BEGIN"
    return (
        "no secure connection; expected a server that speaks TLS, and one that wants a client's certificate "
        "to be given one with --client-cert FILE"
    )


def open_session(access: Access) -> Any:
    """A session of requests with credentials and time limits.

    Args:
        access: Token, certificates and the server's authority.
    """
    import requests
    from requests.adapters import HTTPAdapter

    class Patient(HTTPAdapter):
        """Waits for an answer, but not for ever."""

        def send(
            self,
            request: Any,
            stream: Any = False,
            timeout: Any = None,
            verify: Any = True,
            cert: Any = None,
            proxies: Any = None,
        ) -> Any:
            limits = timeout or (CONNECT_SECONDS, READ_SECONDS)
            if access.authority is not None:  # a session's own setting gives way to REQUESTS_CA_BUNDLE
                verify = str(access.authority)
            return super().send(request, stream, limits, verify, cert, proxies)

    session = requests.Session()
    session.mount("http://", Patient())
    session.mount("https://", Patient())

    def add_token(request: Any) -> Any:
        """Signs a request. As a header of the session it would give way to an entry of ~/.netrc."""
        request.headers["Authorization"] = f"Bearer {access.token}"
        return request

    if access.token:
        session.auth = add_token
    if access.certificate is not None:
        certificate = str(access.certificate)
        session.cert = certificate if access.key is None else (certificate, str(access.key))
    return session


def read_value(attributes: dict[str, Any], tag: str) -> str:
    """The first value of an attribute of DICOM JSON as words, "" where there is none.

    Args:
        attributes: Of one object, by tag.
        tag: Eight hexadecimal digits, such as 0020000D.

    >>> read_value({"0020000D": {"vr": "UI", "Value": ["1.2.3"]}}, "0020000D")
    '1.2.3'
    """
    values = attributes.get(tag, {}).get("Value") or [""]
    return str(values[0])
