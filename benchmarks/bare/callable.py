"""The yardstick `uwsgi`: a bare WSGI callable."""

from benchmarks.bare import answers

ANSWERS = answers.read()


def application(environ, start_response):
    headers, body = ANSWERS[environ["PATH_INFO"]]
    start_response("200 OK", headers)
    return [body]
