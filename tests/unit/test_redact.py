"""What is a secret, by its name, and that it is shown nowhere."""

import json

import pytest

from livy_magic.redact import (
    MASK,
    is_secret,
    is_secret_header,
    is_secret_property,
    mask_args,
    mask_conf,
    mask_text,
    mask_url,
)

SECRETS = """
    password PASSWORD Password password2 passwords db_password dbPassword DBPassword dbpassword
    trustStorePassword passwd pwd pass DB_PASS dbPass --pass keypass storePass passphrase
    secret secrets client_secret clientSecret oauth2.client.secret token tokens auth_token authToken
    OAuthToken accesstoken API_TOKEN token_value credential credentials my.credentials creds
    apikey api_key apiKey API-KEY apiKeys private_key privateKey secretkey fs.s3a.secret.key
    fs.s3a.access.key accountKey fs.azure.account.key.acct.blob.core.windows.net encryption_key
    aws_access_key_id fs.azure.sas.container.account sas GITHUB_PAT pat jwt JWT auth basic_auth
    authorization Proxy-Authorization bearer cookie Set-Cookie signature X-Amz-Signature sig
    X-Amz-Credential -Djavax.net.ssl.keyStorePassword connection_string password.max_tokens
""".split()  # noqa: SIM905
NONE = """
    max_tokens maxTokens num_tokens max_new_tokens n_tokens token_count tokenCount tokens_per_second
    tokenizer tokenize secretary passenger compass bypass passthrough pass_rate password_length
    token_limit tokenType token_url s3a.aws.credentials.provider auth.type path pattern patch key keys
    primary_key sort_key partitionKey monkey keystore author authority signal design Sassari
""".split()  # noqa: SIM905


@pytest.mark.parametrize("name", SECRETS)
def test_a_name_whose_words_say_so_holds_a_secret(name):
    assert is_secret(name)


@pytest.mark.parametrize("name", NONE)
def test_a_name_that_only_sounds_like_it_holds_none(name):
    assert not is_secret(name)


@pytest.mark.parametrize(
    "key", ["spark.my.tokenizer", "spark.maxTokens", "spark.x.secretary", "spark.access.keys"]
)
def test_a_property_that_spark_itself_hides_is_hidden(key):
    assert is_secret_property(key)
    assert mask_conf({key: "hunter2"}) == {key: MASK}
    assert mask_text(f"--conf {key}=hunter2") == f"--conf {key}={MASK}"


@pytest.mark.parametrize(
    "name", ["X-Api-Key", "X-Auth", "Cookie", "X-Session", "X-Signed", "X-Pat"]
)
def test_a_header_is_hidden_where_it_may_let_somebody_in(name):
    assert is_secret_header(name)
    assert not is_secret_header("Accept")


@pytest.mark.parametrize(
    ("args", "shown"),
    [
        (["--password", "hunter2", "x"], ["--password", MASK, "x"]),
        (["--pass", "hunter2", "-p", "80"], ["--pass", MASK, "-p", "80"]),
        (["--db-pass=hunter2"], [f"--db-pass={MASK}"]),
        (["DB_PASS=hunter2, 2"], [f"DB_PASS={MASK}"]),
        (["spark.password=hunter2"], [f"spark.password={MASK}"]),
        (["--conf", "spark.x.password=hunter2"], ["--conf", f"spark.x.password={MASK}"]),
        (["--max-tokens", "100", "tokenizer=bpe"], ["--max-tokens", "100", "tokenizer=bpe"]),
        ([7, True], [7, True]),
    ],
)
def test_secrets_in_arguments_are_masked(args, shown):
    assert mask_args(args) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ({"password": "hunter2", "max_tokens": 5}, {"password": MASK, "max_tokens": 5}),
        ({"a": [{"credentials": {"user": "x", "key": "hunter2"}}]}, {"a": [{"credentials": MASK}]}),
        ({"tokens": ["hunter2", "hunter2"]}, {"tokens": MASK}),
        (["--token", "hunter2"], ["--token", MASK]),
        ({"url": "http://me:hunter2@h/", "é": None}, {"url": f"http://{MASK}@h/", "é": None}),
    ],
)
def test_secrets_in_an_argument_of_json_are_masked_and_it_stays_json(value, shown):
    assert json.loads(mask_args([json.dumps(value)])[0]) == shown


@pytest.mark.parametrize(
    "text",
    [
        "run --password hunter2 --x",
        "run --pass=hunter2",
        r"{\"password\": \"hunter2 hunter2\", \"a\": 1}",
        "{'password': 'hunter2'}",
        "opts={'credentials': {'user': 'x', 'key': 'hunter2'}}",
        'cut off: "password": "abc hunter2',
        "Authorization: Basic hunter2",
        "Authorization: Bearer hunter2",
        "DefaultEndpointsProtocol=https;AccountName=a;AccountKey=hunter2==;x=1",
        "-Djavax.net.ssl.trustStorePassword=hunter2 -Dx=1",
        "x=token=hunter2",
    ],
)
def test_secrets_in_a_text_are_masked(text):
    assert "hunter2" not in mask_text(text)
    assert MASK in mask_text(text)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://me:hunter2@host/x", f"https://{MASK}@host/x"),
        ("https://me:hun@ter2@host/x", f"https://{MASK}@host/x"),
        ("https://me:hun/ter2@host/x", f"https://{MASK}@host/x"),
        ("https://me:hun?ter2@host/x", f"https://{MASK}@host/x"),
        ("https://host:8998/x@y", "https://host:8998/x@y"),
        ("https://host/x?mail=me@y", "https://host/x?mail=me@y"),
        ("https://a/x?sv=1&sig=hunter2&se=2", f"https://a/x?sv=1&sig={MASK}&se=2"),
        ("https://b/x?X-Amz-Credential=hunter2&X-Amz-Signature=hunter2&X-Amz-Expires=9#f",
         f"https://b/x?X-Amz-Credential={MASK}&X-Amz-Signature={MASK}&X-Amz-Expires=9#f"),
        ("https://b/x?Signature=hunter2&max_tokens=3", f"https://b/x?Signature={MASK}&max_tokens=3"),
    ],
)  # fmt: skip
def test_secrets_in_a_url_are_masked_and_nothing_else(url, shown):
    assert mask_url(url) == shown
