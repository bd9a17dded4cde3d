import datetime as dt
import shlex
import subprocess
import types
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from IPython.core.error import UsageError

from livy_magic.magics.line import expand, shell_words, split

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


@pytest.mark.parametrize("read", [split, shell_words])
@pytest.mark.parametrize("line", ["--name x \\", "--name x \\  ", "--name x\\"])
def test_a_line_cannot_be_continued(line, read):
    with pytest.raises(UsageError) as error:
        read(line)
    assert str(error.value) == (
        r"the line ends in a backslash; quote a word that does end in one, '…\', and delete a blank behind"
        " one where the line goes on. A %% line cannot be continued: options go into its cell,"
        " `#| name: value`, and so does a spark-submit command"
    )


# -- a shell's words


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (r"a\ b \#c \$x \{x\} \*", ["a b", "#c", "$x", "{x}", "*"]),
        (r'"a\\d" "a\d" "\$x \` \" \{y"', ["a\\d", "a\\d", '$x ` " \\{y']),
        (r"'it'\''s' 'a\b' '$HOME' '{x}' '$(date)' '`'", ["it's", "a\\b", "$HOME", "{x}", "$(date)", "`"]),
        ("a # a comment; $(date)", ["a"]),
        ("a#b 'c' #", ["a#b", "c"]),
        ("a \\\n  b\\\nc \\\r\n d", ["a", "bc", "d"]),
        ("'two\nlines' \"a\\\nb\"", ["two\nlines", "ab"]),
        ("\n\n a\n\n# done\n", ["a"]),
        (r"C:\jobs\etl.py C:\data\'a b' '\\host\share\'", [r"C:\jobs\etl.py", r"C:\data\a b", "\\\\host\\share\\"]),
        ("a '' \"\" b=~ x~", ["a", "", "", "b=~", "x~"]),
        ('"; & | < > ( ) * #" ";"', ["; & | < > ( ) * #", ";"]),
        ("{} {a} a{2} {", ["{}", "{a}", "a{2}", "{"]),
    ],
)  # fmt: skip
def test_a_command_is_split_as_a_shell_does(command, words):
    assert shell_words(command) == words


@given(
    st.lists(
        st.text(st.sampled_from("abC:\\ '\"#\n\t")).map(lambda text: text.replace(":\\", ":")),
        min_size=1,
    )
)
def test_a_real_shell_agrees(parts):
    command = " ".join(parts)
    program = f'printf "%s\\0" x {command}'
    run = subprocess.run(["/bin/bash", "-c", program], capture_output=True, check=False)
    try:
        words = shell_words(f"x {command}")
    except UsageError as refused:
        told = str(refused)
        of_bash = b"unexpected EOF" in run.stderr and "never closed" in told
        assert of_bash or "backslash" in told or "below the spark-submit" in told
    else:
        assert run.stdout.decode().split("\0")[:-1] == [expand(word, {}) for word in words]


@given(st.lists(st.text()))
def test_so_does_what_is_quoted_for_a_shell(words):
    read = shell_words(f"x {shlex.join(words)}")
    assert read == ["x", *words]
    assert [expand(word, {}) for word in read] == read


@pytest.mark.parametrize(
    ("command", "sign"),
    [
        ("a > log", "> in column 3"),
        ("a 2>&1", ">& in column 4"),
        ("a&", "& in column 2"),
        ("a b;ls", "; in column 4"),
        ("a && b", "&& in column 3"),
        ("a|tee log", "| in column 2"),
        ("a <x", "< in column 3"),
        ("a f(x)", "( in column 4"),
        ("a data/{b,c}.csv", "{b,c} in column 8"),
        ("a {1..3}", "{1..3} in column 3"),
        ("a \\\n  b;", "; in line 2, column 4"),
    ],
)
def test_what_only_a_shell_does_is_refused_wherever_it_stands(command, sign):
    with pytest.raises(UsageError) as error:
        shell_words(command)
    assert str(error.value) == (
        f"{sign} is for a shell, and none runs here; leave it out (a batch runs in the background anyway),"
        " or quote it if the program should get it"
    )


@pytest.mark.parametrize(
    ("command", "sign"),
    [
        ("a $(date)", "$( in column 3"),
        ('a --day="$(date)"', "$( in column 10"),
        ("a x`date`", "` in column 4"),
        ('"`date`"', "` in column 2"),
        ("a ${x:-1}", "${ in column 3"),
        ("a $'\\t'", "$' in column 3"),
        ("a $1 b", "$1 in column 3"),
    ],
)
def test_what_a_shell_would_put_in_is_refused_with_the_way_to_do_so(command, sign):
    with pytest.raises(UsageError) as error:
        shell_words(command)
    assert str(error.value) == (
        f"{sign} is for a shell, and none runs here; put what it stands for into a variable of the"
        " notebook, {name}; in single quotes it is text"
    )


def test_a_blank_behind_a_lines_last_backslash_is_told():
    with pytest.raises(UsageError) as error:
        shell_words("a \\\n  b \\ \n  c")
    assert str(error.value) == (
        "line 2: a blank stands behind the backslash at its end; delete it, so that the command goes on"
    )


def test_a_tilde_is_the_home_folder_in_a_command_alone():
    assert [expand(word, {}) for word in shell_words("~/x ~ '~/x' a~")] == [
        f"{Path.home()}/x", str(Path.home()), "~/x", "a~",
    ]  # fmt: skip
    assert [expand(word, {}) for word in split("~/x")] == ["~/x"]


# -- signs of a word processor


@pytest.mark.parametrize("read", [split, shell_words])
@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("—wait x", "column 1: — (U+2014) is a typographic dash; write --"),
        ("–-wait x", "column 1: – (U+2013) is a typographic dash; write -"),
        ("x –n", "column 3: – (U+2013) is a typographic dash; write --"),
        ("--dry–run", "column 6: – (U+2013) is a typographic dash; write -"),
        ("a −1", "column 3: − (U+2212) is a typographic dash; write -"),
        ("--name “my job”", 'column 8: “ (U+201C) is a typographic quote; write "'),
        ("--name ‘x’", "column 8: ‘ (U+2018) is a typographic quote; write '"),
        ("--na\u200bme x", "column 5: U+200B is an invisible sign; delete it"),
        ("\ufeffetl.py", "column 1: U+FEFF is an invisible sign; delete it"),
        ("e\u00adtl.py", "column 2: U+00AD is an invisible sign; delete it"),
    ],
)
def test_a_typographic_sign_is_told_with_the_one_that_was_meant(line, message, read):
    with pytest.raises(UsageError) as error:
        read(line)
    assert str(error.value) == (
        f"{message}, or put straight quotes around a word that is to have it"
    )


@pytest.mark.parametrize("read", [split, shell_words])
def test_within_quotes_it_is_meant_and_a_no_break_blank_is_a_blank(read):
    assert read("'“x” – y\u200b' \"‘\"") == ["“x” – y\u200b", "‘"]
    assert read("--name\u00a0x") == ["--name", "x"]


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


DAY = dt.date(2026, 1, 31)
NAMES = {"day": DAY, "d": {"k": "v", "a:b": 1, "}": 2}, "n": 7, "w": 4, "c": types.SimpleNamespace(x=[1, 2])}  # fmt: skip


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("{day.day}", "31"),
        ("{day:%Y/%m}", "2026/01"),
        ("{day:%d-%H:%M}", "31-00:00"),
        ("{n:03d}", "007"),
        ("{n:>{w}}", "   7"),
        ("{n!r:>3}", "  7"),
        ("{d['k']}", "v"),
        ('{d["k"]!r}', "'v'"),
        ("\"{d['k']}\"", "v"),
        ("{d['a:b']}{d['}']}", "12"),
        ("{c.x[1]}", "2"),
        ("{n + 1}", "8"),
        ("{n+1}-{len(c.x)}", "8-2"),
        ("{max(n, 9)}", "9"),
        ("{(n)}", "{(n)}"),
        ("$${n:02d}", "$07"),
        ("{{n:02d}}", "{n:02d}"),
        ("'{n:02d} $n'", "{n:02d} $n"),
        ("a'$n'\"$n\"$n", "a$n77"),
        ("${user.name}", "${user.name}"),
        ("{a,b}", "{a,b}"),
        ("{if}", None),
    ],
)
def test_an_expression_that_begins_with_a_name_is_pythons(line, text):
    if text is None:
        with pytest.raises(UsageError, match="if is not defined here"):
            expand(split(line)[0], NAMES)
    else:
        [word] = split(line)
        assert expand(word, NAMES) == text


@pytest.mark.parametrize(
    "line", ["{n!r}", "{day}", "x{day.year}y{n}", "{d['k']}", "{n+1}", "{c.x[1:]}", "{max(n,9)}"]
)
def test_ipython_would_put_in_the_same(line, shell):
    shell.user_ns |= NAMES
    assert expand(split(line)[0], shell.user_ns) == shell.var_expand(line)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{dya.day}", "dya is not defined here; to mean it literally: {{dya.day}}"),
        ("{dya:%Y}", "dya is not defined here; to mean it literally: {{dya:%Y}}"),
        ("{d['x']}", "{d['x']}: KeyError: 'x'; to mean it literally: {{d['x']}}"),
        ("{n:s}", "{n:s}: ValueError: Unknown format code 's' for object of type 'int'; to mean it literally: {{n:s}}"),
        ("{n,w}", "{n,w} begins with the variable n, but is not taken for an expression; to mean it literally: {{n,w}}"),
        ("'x' \"{n: 1}\"", "{n: 1} begins with the variable n, but is not taken for an expression; to mean it literally: {{n: 1}}"),
    ],
)  # fmt: skip
def test_what_is_no_value_is_refused_with_the_way_to_mean_it(line, message):
    with pytest.raises(UsageError) as error:
        [expand(word, NAMES) for word in split(line)]
    assert str(error.value) == message


@pytest.mark.parametrize(
    "text", ['{"a": 1}', '{"a": {"b": [1]}}', "{'a': 1}", "a{2}", "^x{2,3}$", "{}", "{ n }", "{a: 1}", "{a b}"]
)  # fmt: skip
def test_json_and_patterns_go_through_untouched(text):
    [word] = split(f"'{text}'" if '"' in text else f'"{text}"')
    assert expand(word, NAMES) == text
    assert expand(text, NAMES) == text


def test_what_an_expression_raises_shows_no_secret():
    def fail():
        raise ValueError("password=hunter2")

    with pytest.raises(UsageError) as error:
        expand("{fail()}", {"fail": fail})
    assert "ValueError" in str(error.value)
    assert "hunter2" not in str(error.value)


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
