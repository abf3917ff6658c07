"""The consumer that people begin with: checks by hand, forwards, commits every 500.

Usage: consumer.py BROKERS GROUP IN OUT COUNT
"""
import json
import sys
from datetime import datetime

from confluent_kafka import Consumer, Producer

REQUIRED = ("event_id", "user_id", "event_type", "timestamp", "page_url", "session", "context")


def good(value):
    try:
        event = json.loads(value)
        datetime.fromisoformat(event["timestamp"].replace("Z", "+00:00"))
        return all(name in event for name in REQUIRED)
    except (ValueError, KeyError, TypeError, AttributeError):
        return False


def main(brokers, group, source, sink, count):
    consumer = Consumer({"bootstrap.servers": brokers, "group.id": group,
                         "auto.offset.reset": "earliest", "enable.auto.commit": False})
    producer = Producer({"bootstrap.servers": brokers, "acks": "all"})
    consumer.subscribe([source])
    seen = 0
    while seen < count:
        message = consumer.poll(1.0)
        if message is None or message.error():
            continue
        if good(message.value()):
            while True:
                try:
                    producer.produce(sink, message.value(), key=message.key())
                    break
                except BufferError:
                    producer.poll(0.05)
        seen += 1
        if seen % 500 == 0:
            producer.flush()
            consumer.commit(asynchronous=False)
    producer.flush()
    consumer.commit(asynchronous=False)
    consumer.close()


if __name__ == "__main__":
    main(*sys.argv[1:5], int(sys.argv[5]))
