import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st
from IPython.core.error import UsageError

from livy_magic.magics.line import expand, split

# -- words


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("", []),
        ("  --wait \t etl.py  ", ["--wait", "etl.py"]),
        ("--name 'my job'", ["--name", "my job"]),
        ('--name="my job"', ["--name=my job"]),
        ("it''s a\"b c\"d", ["its", "ab cd"]),
        ("a '' \"\"", ["a", "", ""]),
        (r"C:\jobs\etl.py '\\host\share\'", ["C:\\jobs\\etl.py", "\\\\host\\share\\"]),
        (r'"say \"yes\"" "a\b"', ['say "yes"', "a\\b"]),
        (r"'{\"a\": 1}'", [r"{\"a\": 1}"]),
        ("""'{"a": [1, 2]}'""", ['{"a": [1, 2]}']),
        ("a\u00a0b", ["a", "b"]),
    ],
)
def test_a_line_is_split_as_a_shell_does_but_backslashes_stay(line, words):
    assert split(line) == words


@given(st.lists(st.text()))
def test_what_is_quoted_for_a_shell_comes_back_as_it_was(words):
    assert split(shlex.join(words)) == words


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("--name 'my job", "the quote ' in column 8 is never closed"),
        ('--conf a.password="hunter2', 'the quote " in column 19 is never closed'),
        (r'"C:\jobs\"', 'the quote " in column 1 is never closed'),
    ],
)
def test_a_quote_that_is_never_closed_is_refused_without_showing_the_text(line, message):
    with pytest.raises(UsageError) as error:
        split(line)
    assert str(error.value) == message


@pytest.mark.parametrize("line", ["--name x \\", "--name x \\  ", "--name 'x \\"])
def test_a_line_cannot_be_continued(line):
    with pytest.raises(UsageError) as error:
        split(line)
    assert str(error.value) == (
        r"the line ends in a backslash; quote a word that does end in one, '…\'. A %% line cannot be"
        " continued: options go into its cell, `#| name: value`, and so does a spark-submit command"
    )


# -- the notebook's variables


@pytest.mark.parametrize(
    ("word", "expanded"),
    [
        ("{day}", "2026-01-01"),
        ("$day", "2026-01-01"),
        ("${day}", "2026-01-01"),
        ("hdfs:///{day}/$n.csv", "hdfs:///2026-01-01/7.csv"),
        ("$n$n{n}", "777"),
        ("{größe}", "groß"),
        ("{text}", "{day} $n"),
        ("a{2}", "a{2}"),
        ("^a{2,3}$", "^a{2,3}$"),
        ("$1 $ {} { n }", "$1 $ {} { n }"),
        ('{"a":1}', '{"a":1}'),
        ('{"a":{"b":1}}', '{"a":{"b":1}}'),
        ('{"a":{"b":{n}}}', '{"a":{"b":7}}'),
        ("{{n}}", "{n}"),
        ("{{{n}}}", "{7}"),
        ("$$n $$$n", "$n $7"),
        ("$${{n}}", "${n}"),
        ("a{{b", "a{b"),
        ("a}}b", "a}}b"),
        ("{x²}", "{x²}"),
        ("x.$", "x.$"),
    ],
)
def test_variables_are_put_in_and_nothing_else_is_touched(word, expanded):
    names = {"day": "2026-01-01", "n": 7, "größe": "groß", "text": "{day} $n"}
    assert expand(word, names) == expanded


def test_a_value_with_blanks_stays_one_word():
    assert [expand(word, {"title": "my 'job'"}) for word in split("--name {title}")] == [
        "--name",
        "my 'job'",
    ]


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("{dya}", "dya is not defined here; to mean it literally: {{dya}}"),
        ("/$KEINE/x", "KEINE is not defined here; to mean it literally: $$KEINE"),
        ("${user}", "user is not defined here; to mean it literally: $${{user}}"),
    ],
)
def test_a_variable_that_is_not_defined_is_named(word, message):
    with pytest.raises(UsageError) as error:
        expand(word, {"day": 1})
    assert str(error.value) == message
    literal = message.rpartition(" ")[2]
    assert expand(literal, {}) in word


def literally(word):
    """Escape a word so that it is left as it is."""
    escaped, unclosed, position = "", 0, 0
    while position < len(word):
        character = word[position]
        if character == "}" and unclosed:
            character, unclosed = "}}", unclosed - 1
        elif character in "{$":
            unclosed += character == "{"
            character *= 2
        escaped += character
        position += 1
    return escaped


@given(st.text(alphabet="{}$a1 \"'"))
def test_every_text_can_be_meant_literally(word):
    assert expand(literally(word), {}) == word


def test_a_variable_of_the_environment_is_told_from_none(monkeypatch):
    monkeypatch.setenv("DAY", "2026-01-01")
    with pytest.raises(UsageError) as error:
        expand("/$DAY/x", {})
    assert str(error.value) == (
        "DAY is not defined here, only in the environment: DAY = os.environ['DAY'] would"
        " do that; to mean it literally: $$DAY"
    )
