from environ import Env
from psycopg.conninfo import conninfo_to_dict

from config.broker import pgmq_options


def connection_of(address: str) -> dict[str, object]:
    database = Env.db_url_config(address)
    database["OPTIONS"] = {**database.get("OPTIONS", {}), "pool": {"max_size": 4}}
    options = pgmq_options(database=database, visibility_timeout=60)
    return dict(conninfo_to_dict(str(options["conn_string"])))


def test_queue_is_in_the_database_of_a_server() -> None:
    assert connection_of("postgresql://atelier:a%20b@db.example.com:5433/studio?sslmode=require") == {
        "host": "db.example.com",
        "port": "5433",
        "dbname": "studio",
        "user": "atelier",
        "password": "a b",
        "sslmode": "require",
    }


def test_queue_is_in_the_database_behind_a_socket() -> None:
    assert connection_of("postgresql://atelier@/atelier?host=/tmp/Home/run") == {
        "host": "/tmp/Home/run",
        "dbname": "atelier",
        "user": "atelier",
    }
