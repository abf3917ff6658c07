"""What TestPythonClient has Confluent's own Python client do. Each step prints a line; a step
that does not go as it should ends the script.

Usage: client.py URL TOKEN
"""

import json
import sys

from confluent_kafka.schema_registry import Schema, SchemaReference, SchemaRegistryClient
from confluent_kafka.schema_registry.error import SchemaRegistryError
from confluent_kafka.schema_registry.json_schema import JSONDeserializer, JSONSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

url, token = sys.argv[1:]
client = SchemaRegistryClient({"url": url, "basic.auth.user.info": "lazaret:" + token})
CLICK = json.dumps({"title": "click", "type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]})
WIDER = json.dumps({"title": "click", "type": "object", "properties": {"n": {"type": "integer"}}})
NARROW = json.dumps({"title": "click", "type": "object", "properties": {"n": {"type": "integer", "maximum": 5}}})


def schema(text, references=()):
    return Schema(text, "JSON", list(references))


def done(step, ok=True, *shown):
    if not ok:
        sys.exit(f"{step}: {shown}")
    print(step, flush=True)


def refused(step, code, do):
    try:
        got = do()
    except SchemaRegistryError as e:
        done(step, e.error_code == code, e.error_code, e.error_message)
        return e.error_message
    sys.exit(f"{step}: was answered {got}")


# Register, look up, read.
first = client.register_schema("clicks-value", schema(CLICK))
done("register", first == 1, first)
fresh = SchemaRegistryClient({"url": url, "basic.auth.user.info": "lazaret:" + token})
done("register again", fresh.register_schema("clicks-value", schema(CLICK), normalize_schemas=True) == first)
found = client.lookup_schema("clicks-value", schema(CLICK))
done("look-up", (found.version, found.schema_id, found.subject) == (1, 1, "clicks-value"), found)
done("by id", fresh.get_schema(first).schema_str == CLICK)
done("subjects", client.get_subjects() == ["clicks-value"])
refused("no such schema", 40403, lambda: fresh.lookup_schema("clicks-value", schema(NARROW)))
refused("no such subject", 40401, lambda: fresh.get_latest_version("nobody"))
refused("Avro", 42201, lambda: client.register_schema("avro-value", Schema('"string"', "AVRO")))

# Compatibility: refused with the witness, and evolved.
done("not compatible", client.test_compatibility("clicks-value", schema(NARROW)) is False)
done("compatible", client.test_compatibility("clicks-value", schema(WIDER)) is True)
why = refused("409", 409, lambda: client.register_schema("clicks-value", schema(NARROW)))
done("witness", "maximum" in why and "for example {" in why, why)
second = client.register_schema("clicks-value", schema(WIDER))
done("evolve", second == 2 and client.get_versions("clicks-value") == [1, 2])
done("latest", client.get_latest_version("clicks-value").version == 2)

# References.
client.register_schema("address", schema('{"type": "object", "required": ["city"]}'))
USER = json.dumps({"title": "user", "type": "object", "properties": {"home": {"$ref": "address.json"}}})
user_schema = schema(USER, [SchemaReference("address.json", "address", 1)])
user = client.register_schema("users-value", user_schema)
kept = fresh.get_schema(user)
done("references", [(r.name, r.subject, r.version) for r in kept.references] == [("address.json", "address", 1)])
done("referenced by", client.get_referenced_by("address", 1) == [user])


# An event as bytes and back, by the schema that the bytes name.
def round_trip(topic, what, event, **conf):
    ctx = SerializationContext(topic, MessageField.VALUE)
    data = JSONSerializer(what, fresh, conf=conf)(event, ctx)
    back = JSONDeserializer(None, schema_registry_client=client)(data, ctx)
    return data, back


data, back = round_trip("clicks", WIDER, {"n": 7})
done("wire format", data[0] == 0 and int.from_bytes(data[1:5], "big") == second, data[:5])
done("round trip", back == {"n": 7} and json.loads(data[5:]) == {"n": 7}, back)
data, back = round_trip("users", user_schema, {"home": {"city": "Delft"}}, **{"auto.register.schemas": False, "use.latest.version": True})
done("round trip with a reference", back == {"home": {"city": "Delft"}} and int.from_bytes(data[1:5], "big") == user)
data, back = round_trip("new", CLICK, {"n": 1})
done("registered by the serializer", client.get_subjects() == ["address", "clicks-value", "new-value", "users-value"])
done("the same id", int.from_bytes(data[1:5], "big") == first)

# Config and mode.
done("global level", client.get_compatibility() == "BACKWARD")
client.set_compatibility("clicks-value", "FORWARD")
done("level", client.get_compatibility("clicks-value") == "FORWARD")
refused("no such level", 42203, lambda: client.set_compatibility("clicks-value", "SOME"))
refused("no level", 40408, lambda: client.get_compatibility("new-value"))
done("narrower under FORWARD", client.register_schema("clicks-value", schema(NARROW)) > 0)
client.delete_config("clicks-value")
done("mode", client.get_global_mode() == "READWRITE" and client.update_mode("new-value", "READONLY") == "READONLY")
refused("read only", 42205, lambda: client.register_schema("new-value", schema(WIDER)))
done("mode deleted", client.delete_mode("new-value") == "READONLY")
refused("import", 42205, lambda: client.update_mode("new-value", "IMPORT"))

# Deletion.
refused("not soft-deleted", 40407, lambda: client.delete_version("clicks-value", 1, permanent=True))
done("soft", client.delete_version("clicks-value", 1) == 1 and client.get_versions("clicks-value") == [2, 3])
done("with the deleted", client.get_versions("clicks-value", deleted=True) == [1, 2, 3])
done("permanent", client.delete_version("clicks-value", 1, permanent=True) == 1)
refused("in use", 42206, lambda: client.delete_subject("address"))
done("subject", client.delete_subject("users-value") == [1] and client.delete_subject("users-value", permanent=True) == [1])
refused("gone", 40401, lambda: client.get_versions("users-value"))
done("end")
