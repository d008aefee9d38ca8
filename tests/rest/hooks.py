"""What requests that are made up are about: half of them about things that are there."""

import random

import schemathesis

THERE = {
    "path": ["open", "docs", "docs/a.txt", "docs/sub", "hidden", "hidden/secret", "_users/ed"],
    "version": ["draft", "other"],
    "permission": ["View", "Edit content", "Change permissions"],
    "who": ["ed", "mia"],
    "name": ["title", "body", "data"],
    "user": ["ed", "anonymous"],
}


def known(parameters):
    for name, values in THERE.items():
        if parameters and name in parameters and random.random() < 0.7:
            parameters[name] = random.choice(values)
    return parameters


@schemathesis.hook
def map_path_parameters(context, path_parameters):
    return known(path_parameters)


@schemathesis.hook
def map_query(context, query):
    return known(query)


@schemathesis.check
def shows_nothing_hidden(context, response, case):
    """The word in the hidden folder is for managers only."""
    asks = str(response.request.headers.get("X-Asks", ""))
    if asks == "ed":
        assert b"wordthatishidden" not in response.content, "an editor was shown what is hidden from editors"
