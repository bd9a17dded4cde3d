import json
import re
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livy_magic import settings
from livy_magic.errors import ConfigError
from livy_magic.settings import auth, describe, load, profiles

PAGE = str(sys.modules[settings.Settings.__module__].__doc__)
SAMPLE = Path(__file__).parents[3] / "jupyter-config" / "livy_magic.sample.yaml"
SECRET = "s3cret"

TWO = """
default: prod
profiles:
  prod:
    url: https://prod.test
    auth: {kind: basic, user: alice, password: {env: PROD_PW}}
    headers: {X-Tenant: prod}
    timeout: 7
  test: {url: "https://test.test"}
"""


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """A home without settings, and an environment without proxies."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for variable in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(variable, raising=False)
        monkeypatch.delenv(variable.upper(), raising=False)
    return tmp_path


def write(folder, text):
    folder.mkdir(exist_ok=True)
    (folder / "livy_magic.yaml").write_text(text)
    return folder


@pytest.fixture
def settle(home):
    """Load settings from a file's text, and from nothing of this machine."""

    def settle(target=None, yaml="", environ=None, **overrides):
        folder = write(home / "jupyter", yaml)
        return load(target, overrides=overrides, environ=environ or {}, config_path=[folder])

    return settle


def profile(**settings):
    """Return a file with one profile, by default; JSON is YAML, too."""
    return json.dumps({"default": "p", "profiles": {"p": {"url": "https://p.test", **settings}}})


def sparkmagic(home, **account):
    folder = home / ".sparkmagic"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"kernel_python_credentials": account}))


# -- precedence -----------------------------------------------------------------------------------


def test_with_nothing_set_it_is_the_private_livy(settle):
    settings = settle()
    assert settings.url is None
    assert settings.auth == auth.AuthSpec("none")
    assert settings.origins["url"] == "default"


@pytest.mark.parametrize(
    ("target", "overrides", "environ", "yaml", "url", "origin"),
    [
        ("https://named.test", {"url": "https://c.test"}, {"LIVY_URL": "https://e.test"}, TWO,
         "https://named.test", "named explicitly"),
        ("test", {"url": "https://c.test"}, {"LIVY_URL": "https://e.test"}, TWO,
         "https://test.test", "profile test in ~/jupyter/livy_magic.yaml"),
        ("local", {"url": "https://c.test"}, {"LIVY_URL": "https://e.test"}, TWO,
         None, "named explicitly"),
        (None, {"url": "https://c.test"}, {"LIVY_URL": "https://e.test"}, TWO,
         "https://c.test", "%config"),
        (None, {"profile": "test"}, {"LIVY_URL": "https://e.test"}, TWO,
         "https://test.test", "profile test in ~/jupyter/livy_magic.yaml"),
        (None, {"url": "local"}, {"LIVY_URL": "https://e.test"}, TWO,
         None, "%config"),
        (None, {}, {"LIVY_URL": "https://e.test"}, TWO,
         "https://e.test", "environment LIVY_URL"),
        (None, {}, {"LIVY_PROFILE": "test"}, TWO,
         "https://test.test", "profile test in ~/jupyter/livy_magic.yaml"),
        (None, {}, {"LIVY_PROFILE": "local"}, TWO,
         None, "environment LIVY_PROFILE"),
        (None, {}, {"PROD_PW": "x"}, TWO,
         "https://prod.test", "profile prod in ~/jupyter/livy_magic.yaml"),
        (None, {}, {}, "",
         "http://spark.test:8998", "~/.sparkmagic/config.json"),
    ],
)  # fmt: skip
def test_the_highest_place_that_names_a_server_wins(
    settle, home, target, overrides, environ, yaml, url, origin
):
    sparkmagic(home, url="http://spark.test:8998")
    settings = settle(target, yaml, environ, **overrides)
    assert (settings.url, settings.origins["url"]) == (url, origin)


@pytest.mark.parametrize(
    ("target", "overrides", "environ", "staging", "origin"),
    [
        ("p", {"staging": "s3://c"}, {"LIVY_STAGING": "s3://e"}, "s3://p", "profile p in"),
        ("https://x.test", {"staging": "s3://c"}, {"LIVY_STAGING": "s3://e"}, "s3://c", "%config"),
        (None, {"staging": "s3://c"}, {"LIVY_STAGING": "s3://e"}, "s3://c", "%config"),
        (None, {}, {"LIVY_STAGING": "s3://e"}, "s3://e", "environment LIVY_STAGING"),
        (None, {}, {}, "s3://p", "profile p in"),
        ("https://x.test", {}, {}, None, "default"),
    ],
)
def test_each_setting_comes_from_the_highest_place_that_says_it(
    settle, target, overrides, environ, staging, origin
):
    settings = settle(target, profile(staging="s3://p"), environ, **overrides)
    assert settings.staging == staging
    assert settings.origins["staging"].startswith(origin)


def test_a_staging_folder_takes_its_options_from_its_own_place(settle):
    yaml = profile(
        staging="webhdfs://p", staging_as="hdfs://p", staging_options={"kerberos": "true"}
    )
    assert settle(yaml=yaml).staging_as == "hdfs://p"
    moved = settle(yaml=yaml, environ={"LIVY_STAGING": "s3://e"})
    assert (moved.staging, moved.staging_as, moved.staging_options) == ("s3://e", None, {})


def test_the_private_livy_takes_only_what_it_can_use(settle):
    yaml = profile(url="local", auth="kerberos", headers={"A": "b"}, staging="s3://p",
                   defaults={"driverMemory": "1g"}, timeout="9")  # fmt: skip
    settings = settle(yaml=yaml)
    assert (settings.url, settings.profile) == (None, "p")
    assert (settings.auth.kind, settings.headers, settings.staging) == ("none", {}, None)
    assert (settings.defaults, settings.timeout) == ({"driver_memory": "1g"}, (9.0, 9.0))
    assert [name for name, _, _ in describe(settings)] == ["url", "profile", "timeout", "defaults"]


# -- secrets stay with the server they are for ----------------------------------------------------

BASIC = {"kind": "basic", "user": "alice", "password": {"env": "PW"}}
WITH_SECRETS = {"auth": BASIC, "headers": {"X-Token": {"env": "PW"}}, "cert": "/dev/null",
                "defaults": {"queue": "q"}, "verify": "false"}  # fmt: skip


@pytest.mark.parametrize(
    ("target", "overrides", "environ"),
    [
        ("https://other.test", {}, {}),
        (None, {"url": "https://other.test"}, {}),
        (None, {}, {"LIVY_URL": "https://other.test"}),
    ],
)
def test_nothing_of_a_profile_goes_to_a_url_from_elsewhere(settle, target, overrides, environ):
    settings = settle(target, profile(**WITH_SECRETS), {"PW": SECRET, **environ}, **overrides)
    assert settings.url == "https://other.test"
    assert settings.auth.kind == "none"
    assert (settings.headers, settings.cert, settings.defaults) == ({}, None, {})
    assert settings.verify is True


@pytest.mark.parametrize("target", ["https://other.test", "p"])
@pytest.mark.parametrize("url", [{}, {"LIVY_URL": "https://env.test"}])
def test_a_token_of_the_environment_goes_to_nothing_that_is_named_explicitly(settle, target, url):
    environ = {"LIVY_AUTH": "bearer", "LIVY_TOKEN": SECRET, **url}
    settings = settle(target, profile(), environ)
    assert settings.auth.kind == "none"
    assert settings.origins["auth"] == (
        "default; the value from environment LIVY_AUTH belongs to another server"
    )


def test_a_token_of_the_environment_goes_to_the_server_that_the_environment_leaves_in_charge(
    settle,
):
    environ = {"LIVY_AUTH": "bearer", "LIVY_TOKEN": SECRET}
    settings = settle(None, profile(), environ)
    assert (settings.url, settings.auth.kind) == ("https://p.test", "bearer")


def test_naming_the_very_server_of_the_environment_keeps_its_token(settle):
    environ = {"LIVY_URL": "https://env.test", "LIVY_TOKEN": SECRET}
    assert settle("https://env.test/", "", environ).auth.kind == "bearer"


def test_a_config_that_names_no_server_goes_with_every_server(settle):
    assert settle("https://other.test", auth="kerberos").auth.kind == "kerberos"
    assert settle("p", profile(), auth="kerberos").auth.kind == "kerberos"


@pytest.mark.parametrize("names", [{"url": "https://config.test"}, {"profile": "p"}])
def test_a_config_that_names_a_server_goes_with_no_other(settle, names):
    assert settle("https://other.test", profile(), auth="kerberos", **names).auth.kind == "none"


def test_a_profile_that_is_named_says_no_to_a_config(settle):
    assert settle("p", profile(auth="none"), auth="kerberos").auth.kind == "none"


def test_switched_off_verification_stays_with_its_server_but_a_ca_does_not(settle, home):
    (home / "ca.pem").touch()
    other = {"LIVY_URL": "https://env.test", "LIVY_CA": str(home / "ca.pem")}
    assert settle("https://named.test", "", other).verify == str(home / "ca.pem")
    assert settle("https://named.test", url="https://config.test", verify="false").verify is True


def test_switched_off_verification_warns_and_says_where(settle):
    with pytest.warns(
        UserWarning, match=r"https://p\.test: anybody .* verify is off \(profile p in"
    ):
        settings = settle(yaml=profile(verify="false"))
    assert settings.verify is False
    assert ("verify", "OFF", settings.origins["verify"]) in describe(settings)


# -- the environment ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("environ", "shown"),
    [
        ({}, "none"),
        ({"LIVY_USER": "alice"}, "basic as alice, password from prompt"),
        (
            {"LIVY_USER": "alice", "LIVY_PASSWORD": SECRET},
            "basic as alice, password from environment LIVY_PASSWORD",
        ),
        ({"LIVY_TOKEN": SECRET}, "bearer, token from environment LIVY_TOKEN"),
        ({"LIVY_AUTH": "kerberos", "LIVY_USER": "alice"}, "kerberos"),
        ({"LIVY_AUTH": "none", "LIVY_TOKEN": SECRET}, "none"),
    ],
)
def test_the_environment_says_as_whom(settle, environ, shown):
    settings = settle(environ={"LIVY_URL": "https://env.test", **environ})
    assert str(settings.auth) == shown
    assert settings.user == ("alice" if shown.startswith("basic") else None)


def test_a_lone_token_in_the_environment_does_not_replace_the_auth_of_the_default_profile(settle):
    yaml = profile(auth={"kind": "bearer", "token": {"env": "LIVY_TOKEN"}, "header": "X-Token"})
    assert settle(yaml=yaml, environ={"LIVY_TOKEN": SECRET}).auth.options["header"] == "X-Token"


def signed_as(settings):
    import requests

    signer = auth.build(settings.auth, settings.url, environ={})
    return requests.Request("GET", settings.url, auth=signer).prepare().headers["Authorization"]


def test_user_and_password_in_livy_url_become_basic_auth(settle):
    settings = settle(environ={"LIVY_URL": "https://al%40ice:p%3Aw%2F@env.test/livy"})
    assert settings.url == "https://env.test/livy"
    assert signed_as(settings) == "Basic YWxAaWNlOnA6dy8="  # al@ice:p:w/


def test_every_variable_is_in_the_table_and_the_other_way_round():
    table = set(re.findall(r"^ +``(LIVY_\w+)``", PAGE, re.MULTILINE))
    assert table == set(settings.VARIABLES)


def test_every_setting_is_in_the_table(settle):
    table = re.findall(r"^ +``([a-z_]+)`` ", PAGE, re.MULTILINE)
    assert table == [name for name in settle().origins if name != "profile"]


# -- certificates and proxies ---------------------------------------------------------------------


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_a_ca_bundle_of_the_environment_is_taken_and_named(settle, home, variable):
    (home / "ca.pem").touch()
    environ = {variable: str(home / "ca.pem")}
    settings = settle("https://named.test", environ=environ)
    assert settings.verify == str(home / "ca.pem")
    assert settings.origins["verify"] == f"environment {variable}"
    assert settle(yaml=profile(verify="true"), environ=environ).verify is True


REFUSED = {
    "long": "cannot read {}: File name too long",
    "loop": "cannot read {}: Too many levels of symbolic links",
    "unreadable": "cannot read {}: Permission denied",
    "closed": "cannot read {}: Permission denied",
    "fifo": "cannot read {}: it is not a regular file",
    "device": "cannot read {}: it is not a regular file",
    "broken": "there is no file {}",
}


@pytest.mark.parametrize("setting", ["verify", "cert"])
@pytest.mark.parametrize("kind", REFUSED)
def test_a_certificate_file_that_the_system_refuses_is_told_in_a_line(
    kind, setting, home, odd_paths, as_somebody_else
):
    overrides = {"url": "https://x", setting: str(odd_paths[kind])}
    with as_somebody_else, pytest.raises(ConfigError) as caught:
        load(overrides=overrides, environ={}, config_path=[])
    assert str(caught.value) == f"%config: {setting}: {REFUSED[kind].format(odd_paths[kind])}"


def test_a_folder_of_authorities_will_do(settle, home):
    assert settle(yaml=profile(verify="~")).verify == str(home)
    with pytest.raises(ConfigError, match=r"cert: cannot read .*: Is a directory"):
        settle(yaml=profile(cert="~"))


def test_a_home_of_nobody_stays_as_it_is_written(settle):
    with pytest.raises(ConfigError, match=r"verify: there is no file ~nobody-of-that-name/x"):
        settle(yaml=profile(verify="~nobody-of-that-name/x"))


@pytest.mark.parametrize("kind", ["fifo", "loop", "device"])
def test_a_file_of_profiles_that_cannot_be_read_is_named(kind, tmp_path, odd_paths):
    (tmp_path / "livy_magic.yaml").symlink_to(odd_paths[kind])
    with pytest.raises(
        ConfigError, match=r"livy_magic\.yaml: (it is not a regular|Too many levels)"
    ):
        profiles([tmp_path])
    environ = {"SPARKMAGIC_CONF_DIR": str(tmp_path), "SPARKMAGIC_CONF_FILE": "livy_magic.yaml"}
    with pytest.raises(
        ConfigError, match=r"livy_magic\.yaml: (it is not a regular|Too many levels)"
    ):
        load(environ=environ, config_path=[])


@pytest.mark.parametrize("setting", ["verify", "cert"])
def test_a_certificate_file_that_is_not_there_is_named(settle, home, setting):
    with pytest.raises(ConfigError) as caught:
        settle(yaml=profile(**{setting: "~/no.pem"}))
    assert str(caught.value) == (
        f"profile p in ~/jupyter/livy_magic.yaml: {setting}: there is no file {home}/no.pem"
    )


def test_a_client_certificate_is_one_file_or_two(settle, home):
    (home / "me.pem").touch()
    (home / "me.key").touch()
    assert settle(yaml=profile(cert="~/me.pem")).cert == str(home / "me.pem")
    pair = settle(yaml=profile(cert=["~/me.pem", "~/me.key"]))
    assert pair.cert == (str(home / "me.pem"), str(home / "me.key"))


@pytest.fixture
def proxy(monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", f"http://alice:{SECRET}@proxy.test:3128")
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.test:3128")
    monkeypatch.setenv("NO_PROXY", "near.test")


@pytest.mark.parametrize(
    "host", ["near.test", "localhost", "127.0.0.1:8998", "[::1]", "a.localhost"]
)
def test_no_proxy_stands_before_loopback_and_what_no_proxy_names(settle, proxy, host):
    assert settle(f"http://{host}").proxies == {}


def test_proxies_of_the_environment_are_taken_and_shown_without_their_password(settle, proxy):
    settings = settle("https://far.test")
    assert settings.proxies["https"] == f"http://alice:{SECRET}@proxy.test:3128"
    [(shown, origin)] = [row[1:] for row in describe(settings) if row[0] == "proxies"]
    assert shown == "http http://proxy.test:3128, https http://********@proxy.test:3128"
    assert origin == "environment"
    assert SECRET not in repr(settings)


def test_proxies_of_a_profile_win_over_the_environment(settle, proxy):
    yaml = profile(proxies={"https": "http://own.test:1"})
    assert settle(yaml=yaml).proxies == {"https": "http://own.test:1"}


# -- files ----------------------------------------------------------------------------------------


def test_of_several_files_the_first_one_that_has_a_profile_wins(home):
    user = write(home / "user", "profiles: {a: {url: 'http://user-a'}, b: {url: 'http://user-b'}}")
    system = write(
        home / "system",
        "default: a\nprofiles: {a: {url: 'http://sys-a'}, c: {url: 'http://sys-c'}}",
    )
    path = [user, home / "without", system]
    urls = [load(name, environ={}, config_path=path).url for name in (None, "a", "b", "c")]
    assert urls == ["http://user-a", "http://user-a", "http://user-b", "http://sys-c"]
    files = profiles(path)
    assert {name: file.parent.name for name, file in files.items()} == {
        "a": "user", "b": "user", "c": "system",
    }  # fmt: skip


def test_jupyters_own_path_is_read(home, monkeypatch):
    monkeypatch.setenv("JUPYTER_CONFIG_DIR", str(write(home / "own", TWO)))
    assert load("test", environ={}).url == "https://test.test"
    assert "prod" in profiles()


def test_yaml_scalars_keep_their_form(settle):
    conf = "a: 1.50, b: 2026-01-01, c: yes, d: 0o17, e: True, f: 1_000, g: 12:30:00, h: ~"
    yaml = f"profiles: {{p: {{url: http://p, defaults: {{conf: {{{conf}}}, executorCores: 4}}}}}}"
    defaults = settle("p", yaml).defaults
    assert dict(defaults["conf"]) == {
        "a": "1.50", "b": "2026-01-01", "c": "yes", "d": "0o17", "e": "True", "f": "1_000",
        "g": "12:30:00", "h": "~",
    }  # fmt: skip
    assert defaults["executor_cores"] == 4


def test_storage_options_are_what_python_wants_and_secrets_in_them_stay_text(settle):
    yaml = profile(staging="s3://b/x/", staging_options={
        "use_ssl": "true", "port": "9000", "key": "007", "secret": {"env": "S"},
        "client_kwargs": {"verify": "false", "token": {"env": "S"}},
    })  # fmt: skip
    settings = settle(yaml=yaml, environ={"S": "1234"})
    assert settings.staging == "s3://b/x"
    assert settings.staging_options == {
        "use_ssl": True, "port": 9000, "key": "007", "secret": "1234",
        "client_kwargs": {"verify": False, "token": "1234"},
    }  # fmt: skip


def test_the_environment_fills_in_users_headers_and_properties(settle):
    yaml = profile(
        auth={"kind": "basic", "user": {"env": "ME"}},
        headers={"X-Api-Key": {"env": "KEY"}},
        defaults={"conf": {"spark.hadoop.fs.s3a.secret.key": {"env": "KEY"}}},
    )
    settings = settle(yaml=yaml, environ={"ME": "alice", "KEY": SECRET})
    assert settings.user == "alice"
    assert settings.headers == {"X-Api-Key": SECRET}
    assert settings.defaults["conf"]["spark.hadoop.fs.s3a.secret.key"] == SECRET
    assert SECRET not in repr(settings) + str(describe(settings))


@pytest.mark.parametrize(
    ("value", "pair"),
    [("30", (30, 30)), (["5", "0.5"], (5, 0.5)), (2, (2, 2)), ((1, 2.5), (1, 2.5))],
)
def test_a_timeout_is_one_number_or_two(settle, value, pair):
    assert settle(yaml=profile(), timeout=value).timeout == pair


FILE = "~/jupyter/livy_magic.yaml"


@pytest.mark.parametrize(
    ("yaml", "message"),
    [
        ("a: b: c", f"{FILE}, line 1: mapping values are not allowed here"),
        ("default: x\nprofiles: [a", f"{FILE}, line 2: expected ',' or ']', but got '<stream end>'"),
        ("\tx", f"{FILE}, line 1: found character '\\t' that cannot start any token"),
        ("- a", f"{FILE}: it must be a mapping of names to values"),
        ("profils: {}", f"{FILE}: unknown key 'profils'; did you mean profiles?"),
        ("profiles: [a]", f"{FILE}: profiles: it must be a mapping of names to values"),
        ("default: p\nprofiles: {p: [a]}", f"profile p in {FILE}: it must be a mapping of names to values"),
        ("default: p\nprofiles: {p: {}}",
         f"profile p in {FILE}: it has no url; for example https://livy.example.com:8998, or local"),
        ("default: p", f"no profile is called 'p' (default in {FILE}; no livy_magic.yaml defines a profile)"),
        ("default: prdo\nprofiles: {prod: {}, x: {}}",
         f"no profile is called 'prdo'; did you mean prod? (default in {FILE}; there are prod, x)"),
        (profile(stagin="x"), f"profile p in {FILE}: unknown setting 'stagin'; did you mean staging?"),
        (profile(profile="x"), f"profile p in {FILE}: unknown setting 'profile'; did you mean proxies?"),
        (profile(staging_as="x"),
         f"profile p in {FILE}: staging_as and staging_options need staging next to them"),
        (profile(url="https://alice@p.test", auth="kerberos"),
         f"profile p in {FILE}: the URL names a user, and auth is set, too; drop one of them"),
        (profile(auth="bsic"), (f"profile p in {FILE}: auth: the kind of auth is not one of "
         "none, basic, bearer, kerberos, custom; did you mean basic?")),
        (profile(auth={"kind": "basic", "user": {"env": "NO"}}),
         f"profile p in {FILE}: auth: user: environment variable NO is not set"),
        (profile(headers={"A": "b\x07"}),
         f"profile p in {FILE}: headers: the value of A is not valid in an HTTP header"),
        (profile(headers="A: b"), f"profile p in {FILE}: headers: it must be a mapping of names to values"),
        (profile(cert=["a", "b", "c"]),
         f"profile p in {FILE}: cert: it must be one file, or two: certificate and key"),
        (profile(timeout="soon"),
         f"profile p in {FILE}: timeout: it must be one number of seconds, or two; for example [5, 30]"),
        (profile(timeout=["1", "-2"]),
         f"profile p in {FILE}: timeout: it must be one number of seconds, or two; for example [5, 30]"),
        (profile(timeout="inf"),
         f"profile p in {FILE}: timeout: it must be one number of seconds, or two; for example [5, 30]"),
        (profile(staging=""), f"profile p in {FILE}: staging: it is empty or not text"),
        (profile(defaults={"drivrMemory": "1g"}), (f"profile p in {FILE}: defaults: unknown POST field"
         " 'drivrMemory'; did you mean driverMemory?")),
        (profile(defaults={"driverMemory": "lots"}), (f"profile p in {FILE}: defaults: driverMemory:"
         " 'lots' is not a memory size: write a whole number and k, m, g or t; for example 2g")),
    ],
)  # fmt: skip
def test_what_makes_no_sense_in_a_file_is_told_with_file_and_key(settle, yaml, message):
    with pytest.raises(ConfigError) as caught:
        settle(yaml=yaml)
    assert str(caught.value) == message


def test_a_file_that_is_no_text_is_named(home):
    folder = write(home / "jupyter", "")
    (folder / "livy_magic.yaml").write_bytes(b"default: \xff")
    with pytest.raises(ConfigError, match=r"livy_magic\.yaml: it is not UTF-8 text"):
        profiles([folder])


def test_a_folder_in_the_files_place_is_named(home):
    (home / "jupyter" / "livy_magic.yaml").mkdir(parents=True)
    with pytest.raises(ConfigError, match=r"livy_magic\.yaml: Is a directory"):
        profiles([home / "jupyter"])


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"headers": {"Authorization": SECRET}}, "Authorization"),
        ({"headers": {"X-Auth-Token": SECRET}}, "X-Auth-Token"),
        ({"staging": "s3://b", "staging_options": {"secret": SECRET}}, "secret"),
        ({"staging": "s3://b", "staging_options": {"a": {"password": SECRET}}}, "password"),
        ({"proxies": {"https": f"http://alice:{SECRET}@proxy"}}, "https"),
        ({"defaults": {"conf": {"spark.hadoop.fs.s3a.secret.key": SECRET}}},
         "spark.hadoop.fs.s3a.secret.key"),
        ({"auth": {"kind": "custom", "object": "m:A", "options": {"password": SECRET}}}, "password"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("place", ["file", "%config"])
def test_a_secret_in_clear_text_is_refused_with_what_to_write_and_not_repeated(
    settle, settings, name, place
):
    said = {"yaml": profile(**settings)} if place == "file" else {"url": "http://x", **settings}
    with pytest.raises(ConfigError) as caught:
        settle(**said)
    assert (
        f"{name} is a secret, and secrets in clear text are refused\nWrite {name}: {{env: NAME}}"
        in str(caught.value)
    )
    assert SECRET not in str(caught.value)


def test_a_property_that_only_speaks_of_credentials_is_no_secret(settle):
    name = "spark.hadoop.fs.s3a.aws.credentials.provider"
    settings = settle(yaml=profile(defaults={"conf": {name: "org.example.Provider"}}))
    assert settings.defaults["conf"] == {name: "org.example.Provider"}


def test_a_password_in_the_staging_url_is_refused(settle):
    with pytest.raises(ConfigError, match="would be shown with every staged file") as caught:
        settle(yaml=profile(staging=f"sftp://alice:{SECRET}@host/x"))
    assert SECRET not in str(caught.value)


def test_the_sample_loads_profile_by_profile(home, monkeypatch):
    write(home / "jupyter", SAMPLE.read_text())
    (home / "certs").mkdir()
    for name in ("example-ca.pem", "me.pem", "me.key"):
        (home / "certs" / name).touch()
    names = re.findall(r"\{env: ([A-Z_]+)\}", SAMPLE.read_text())
    environ = dict.fromkeys(names, "filled")
    path = [home / "jupyter"]
    loaded = {name: load(name, environ=environ, config_path=path) for name in profiles(path)}
    assert {name: settings.auth.kind for name, settings in loaded.items()} == {
        "cluster": "kerberos", "gateway": "basic", "fabric": "bearer",
        "emr-serverless-spark": "bearer", "partner": "none", "signed": "custom", "small": "none",
    }  # fmt: skip
    assert load(environ=environ, config_path=path).profile == "cluster"


# -- sparkmagic's file ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("account", "shown"),
    [
        ({"auth": "None"}, "none"),
        ({"auth": "Kerberos"}, "kerberos"),
        ({"auth": "Basic_Access", "username": "bob"}, "basic as bob, password from prompt"),
        ({"username": "bob", "password": SECRET}, "basic as bob, password from prompt"),
        ({"username": "", "password": "", "auth": "None"}, "none"),
    ],
)
def test_sparkmagics_url_and_auth_are_used_but_never_its_password(settle, home, account, shown):
    sparkmagic(home, url="http://spark.test:8998", **account)
    settings = settle()
    assert (settings.url, str(settings.auth)) == ("http://spark.test:8998", shown)
    assert settings.origins["auth"] == "~/.sparkmagic/config.json"
    assert settings.auth.options.get("password") in (None, auth.Secret("prompt"))


def test_sparkmagics_file_may_lie_where_sparkmagic_is_told(settle, home):
    (home / "conf").mkdir()
    (home / "conf" / "s.json").write_text('{"kernel_python_credentials": {"url": "http://s.test"}}')
    environ = {"SPARKMAGIC_CONF_DIR": str(home / "conf"), "SPARKMAGIC_CONF_FILE": "s.json"}
    assert settle(environ=environ).url == "http://s.test"


def test_an_auth_of_sparkmagics_that_is_not_known_is_named(settle, home):
    sparkmagic(home, url="http://spark.test", auth="Custom_Auth")
    with pytest.raises(ConfigError, match="sparkmagic's auth Custom_Auth is not supported"):
        settle()


def test_a_broken_file_of_sparkmagics_is_named_but_only_when_it_is_needed(settle, home):
    (home / ".sparkmagic").mkdir()
    (home / ".sparkmagic" / "config.json").write_text("{")
    with pytest.raises(ConfigError, match=r"^~/\.sparkmagic/config\.json: Expecting property name"):
        settle()
    assert settle("local").url is None


@pytest.mark.parametrize("content", ["[]", "{}", '{"kernel_python_credentials": {"url": ""}}'])
def test_a_file_of_sparkmagics_without_a_url_says_nothing(settle, home, content):
    (home / ".sparkmagic").mkdir()
    (home / ".sparkmagic" / "config.json").write_text(content)
    assert settle().url is None


# -- URLs -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "used"),
    [
        ("https://livy.test:8998/", "https://livy.test:8998"),
        ("HTTPS://livy.test//", "https://livy.test"),
        ("http://livy.test:8998/batches", "http://livy.test:8998"),
        ("http://livy.test:8998/ui/", "http://livy.test:8998"),
        (
            "https://knox.test/gateway/default/livy/v1/batches/",
            "https://knox.test/gateway/default/livy/v1",
        ),
        ("https://livy.test/batches-of-ours", "https://livy.test/batches-of-ours"),
        ("http://[::1]:8998", "http://[::1]:8998"),
    ],
)
def test_a_url_is_brought_into_the_form_that_requests_start_from(settle, url, used):
    assert settle(url).url == used


EXAMPLE = "it must start with http:// or https://; for example https://livy.example.com:8998"


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        ("livy.test:8998", EXAMPLE),
        ("ftp://livy.test", EXAMPLE),
        ("http://", "its host or port is not valid"),
        ("http://:8998", "its host or port is not valid"),
        ("http://livy.test:port", "its host or port is not valid"),
        ("http://livy.test:99999", "its host or port is not valid"),
        ("http://[::1", "its host or port is not valid"),
        ("http://livy.test?x=1", "it has a query, a fragment, a space or a backslash"),
        ("http://livy.test/#/", "it has a query, a fragment, a space or a backslash"),
        ("http://livy test", "it has a query, a fragment, a space or a backslash"),
        (f"http://alice:{SECRET}/x@livy.test", "there is an @ after the host"),
    ],
)
def test_a_url_that_makes_no_sense_is_refused_with_its_place_and_an_example(
    settle, environ, message
):
    with pytest.raises(ConfigError) as caught:
        settle(environ={"LIVY_URL": environ})
    assert str(caught.value).startswith(f"environment LIVY_URL: url: {message}")
    assert SECRET not in str(caught.value)


def test_a_target_that_is_a_url_without_its_scheme_is_told_so(settle):
    with pytest.raises(ConfigError) as caught:
        settle("livy.test:8998", TWO)
    assert str(caught.value) == (
        "there is no profile 'livy.test:8998'; for a URL, write http://livy.test:8998 (named explicitly)"
    )


@pytest.mark.parametrize("target", [f"me:{SECRET}@livy.test:8998", f"livy.test:8998/?x={SECRET}"])
def test_a_target_that_may_hold_a_password_is_not_repeated(settle, target):
    with pytest.raises(ConfigError) as caught:
        settle(target, TWO)
    assert SECRET not in str(caught.value)


def test_a_user_in_a_target_is_asked_for_the_password(settle):
    settings = settle("https://alice@livy.test")
    assert (settings.url, settings.user) == ("https://livy.test", "alice")
    assert settings.auth.options["password"] == auth.Secret("prompt")


@pytest.mark.parametrize("place", ["target", "url", "yaml"])
def test_a_password_in_a_url_is_refused_but_in_the_environment(settle, place):
    url = f"https://alice:{SECRET}@livy.test"
    said = profile(url=url) if place == "yaml" else url
    with pytest.raises(
        ConfigError, match=r"a password in a URL is refused.*\nWith https://USER@"
    ) as caught:
        settle(**{place: said})
    assert SECRET not in str(caught.value)


def test_a_url_and_a_profile_in_one_place_are_refused(settle):
    with pytest.raises(ConfigError) as caught:
        settle(yaml=TWO, url="https://x.test", profile="prod")
    assert str(caught.value) == "%config: url and profile each name a server; drop one of them"


anything = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=12)


@given(before=anything, after=anything, scheme=st.sampled_from(["https://", "http://", "ftp://", ""]),
       place=st.sampled_from(["target", "%config", "environment", "staging", "proxy"]))  # fmt: skip
def test_whatever_stands_around_it_a_password_is_never_shown(before, after, scheme, place):
    secret = "Pa55Word"
    url = f"{scheme}{before}:{secret}{after}@livy.test"
    places = {
        "target": {"target": url},
        "%config": {"overrides": {"url": url}},
        "environment": {"environ": {"LIVY_URL": url}},
        "staging": {"overrides": {"url": "https://x.test", "staging": url}},
        "proxy": {"overrides": {"url": "https://x.test", "proxies": {"https": url}}},
    }
    try:
        settings = load(**{"environ": {}, "config_path": [], **places[place]})
    except ConfigError as error:
        shown = str(error) + repr(error.__cause__)
    else:
        shown = repr(settings) + str(describe(settings)) + str(settings.origins)
    assert secret not in shown


# -- YAML


def test_a_profile_takes_over_another_ones_settings_by_a_merge_key(tmp_path):
    (tmp_path / "livy_magic.yaml").write_text(
        "profiles:\n"
        "  test: &test\n    url: http://test.example\n    defaults: &small {queue: low, numExecutors: 1}\n"
        "  prod:\n    <<: *test\n    url: http://prod.example\n"
        "    defaults:\n      <<: [{queue: high}, *small]\n      executorCores: 2\n"
    )
    prod = load("prod", environ={}, config_path=[tmp_path])
    assert prod.url == "http://prod.example"
    assert prod.defaults == {"queue": "high", "num_executors": 1, "executor_cores": 2}
    assert load("test", environ={}, config_path=[tmp_path]).defaults["queue"] == "low"


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ("profiles:\n  a: {url: http://a}\n  a: {url: http://b}\n", 3, "a is given twice"),
        ("profiles:\n  a:\n    url: http://a\n    timeout: 3\n    url: http://b\n", 5, "url is given twice"),
        ("default: a\ndefault: b\n", 2, "default is given twice"),
        ("profiles:\n  a:\n    <<: {url: http://a, url: http://b}\n", 3, "url is given twice"),
        ("profiles:\n  a:\n    <<: text\n", 3, "<< takes a mapping, or a list of them"),
        ("profiles:\n  [a]: {url: http://a}\n", 2, "a name is text"),
    ],
)  # fmt: skip
def test_a_key_that_is_given_twice_is_refused_with_its_line(text, line, problem, tmp_path):
    (tmp_path / "livy_magic.yaml").write_text(text)
    with pytest.raises(ConfigError) as caught:
        profiles([tmp_path])
    assert str(caught.value) == f"~/livy_magic.yaml, line {line}: {problem}"


def test_a_mapping_that_holds_itself_is_refused(tmp_path):
    (tmp_path / "livy_magic.yaml").write_text("profiles: &a\n  <<: *a\n")
    with pytest.raises(ConfigError, match="nests too deeply, or holds itself"):
        profiles([tmp_path])
