"""The whole of it from Python, by ctypes: connect, describe who is asking, read a flag.

    GUIDON_SDK_KEY=gdn_srv_... python3 quickstart.py [http://127.0.0.1:8400]

GUIDON_LIBRARY names the library where the system does not find libguidon.so by itself.
"""

import ctypes
import os
import sys


class Config(ctypes.Structure):
    """guidon_config: what is left out is as in the header."""

    _fields_ = [
        ("size", ctypes.c_size_t),
        ("server", ctypes.c_char_p),
        ("key", ctypes.c_char_p),
        ("bootstrap_file", ctypes.c_char_p),
        ("bootstrap", ctypes.c_char_p),
        ("cache_file", ctypes.c_char_p),
        ("ca_file", ctypes.c_char_p),
        ("application", ctypes.c_char_p),
        ("application_version", ctypes.c_char_p),
        ("connect_timeout_ms", ctypes.c_int64),
        ("silence_timeout_ms", ctypes.c_int64),
        ("client_certificate_file", ctypes.c_char_p),
        ("client_key_file", ctypes.c_char_p),
        ("private_attributes", ctypes.c_void_p),
        ("private_attribute_count", ctypes.c_size_t),
        ("serve_defaults_after_ms", ctypes.c_int64),
        ("without_events", ctypes.c_bool),
        ("flag_overrides", ctypes.c_bool),
        ("flag_file", ctypes.c_char_p),
        ("flag_file_interval_ms", ctypes.c_int64),
        ("log", ctypes.c_void_p),
        ("log_user", ctypes.c_void_p),
    ]


class Error(ctypes.Structure):
    """guidon_error."""

    _fields_ = [("size", ctypes.c_size_t), ("code", ctypes.c_int), ("message", ctypes.c_char * 512)]


def load():
    """The library, told what its functions take."""
    library = ctypes.CDLL(os.environ.get("GUIDON_LIBRARY", "libguidon.so.0.1"))
    pointer, text = ctypes.c_void_p, ctypes.c_char_p
    signatures = {
        "guidon_client_new": (pointer, [ctypes.POINTER(Config), ctypes.POINTER(Error)]),
        "guidon_client_wait_ready": (ctypes.c_int, [pointer, ctypes.c_int64, ctypes.POINTER(Error)]),
        "guidon_client_free": (None, [pointer]),
        "guidon_context_new": (pointer, [text]),
        "guidon_context_set_text": (ctypes.c_int, [pointer, text, text]),
        "guidon_context_free": (None, [pointer]),
        "guidon_bool": (ctypes.c_bool, [pointer, text, pointer, ctypes.c_bool]),
        "guidon_string": (ctypes.c_size_t, [pointer, text, pointer, text, text, ctypes.c_size_t]),
    }
    for name, (result, arguments) in signatures.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


def main():
    guidon = load()
    config = Config(size=ctypes.sizeof(Config))
    config.server = (sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8400").encode()
    config.key = os.environ.get("GUIDON_SDK_KEY", "").encode()
    error = Error(size=ctypes.sizeof(Error))
    client = guidon.guidon_client_new(ctypes.byref(config), ctypes.byref(error))
    if guidon.guidon_client_wait_ready(client, 2000, ctypes.byref(error)) != 0:
        print(error.message.decode(), file=sys.stderr)

    user = guidon.guidon_context_new(b"user-42")
    guidon.guidon_context_set_text(user, b"country", b"DE")
    guidon.guidon_context_set_text(user, b"plan", b"pro")
    print("payments.v2 is", "on" if guidon.guidon_bool(client, b"payments.v2", user, False) else "off")

    layout = ctypes.create_string_buffer(32)
    guidon.guidon_string(client, b"checkout.layout", user, b"multi", layout, len(layout))
    print("checkout.layout is", layout.value.decode())

    guidon.guidon_context_free(user)
    guidon.guidon_client_free(client)


if __name__ == "__main__":
    main()
