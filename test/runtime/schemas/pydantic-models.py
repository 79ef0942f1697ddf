"""Writes pydantic.json: the JSON schemas of typical pydantic models. Run with pydantic 2: python pydantic-models.py > pydantic.json"""
import json
import re
import sys
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Generic, Literal, Optional, TypeVar, Union
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, RootModel, TypeAdapter, conint, conlist, constr


class Colour(str, Enum):
    red = "red"
    green = "green"


class Level(int, Enum):
    low = 1
    high = 2


class Address(BaseModel):
    street: str
    city: str
    zip: constr(pattern=r"^\d{5}$")


class User(BaseModel):
    id: int
    name: str = "Jane"
    signup: Optional[datetime] = None
    friends: list[int] = []


class Person(BaseModel):
    """A person with addresses."""

    name: str = Field(description="Full name", min_length=1, max_length=40)
    age: int = Field(ge=0, le=150)
    address: Address
    others: list[Address] = Field(default_factory=list, max_length=3)


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")
    a: int
    b: Optional[str]


class Node(BaseModel):
    value: int
    children: list["Node"] = []


class Cat(BaseModel):
    kind: Literal["cat"]
    lives: int


class Dog(BaseModel):
    kind: Literal["dog"]
    good: bool


class Owner(BaseModel):
    pet: Annotated[Union[Cat, Dog], Field(discriminator="kind")]


class Either(BaseModel):
    value: Union[int, str, None]
    colour: Colour = Colour.red
    level: Level


class Times(BaseModel):
    day: date
    at: time
    moment: datetime
    length: timedelta


class Numbers(BaseModel):
    positive: float = Field(gt=0)
    below: float = Field(lt=1)
    even: conint(multiple_of=2)
    price: Decimal
    fraction: float = Field(multiple_of=0.5, ge=0, le=10)


class Collections(BaseModel):
    pair: tuple[int, str]
    many: tuple[float, ...]
    names: set[str]
    scores: dict[str, float]
    few: conlist(str, min_length=1, max_length=2)


class Loose(BaseModel):
    model_config = ConfigDict(extra="allow")
    anything: Any
    data: dict[str, Any] = {}


class Identified(BaseModel):
    id: UUID
    code: Annotated[str, Field(pattern=r"^[A-Z]{3}-\d+$", max_length=12)]


class Aliased(BaseModel):
    first_name: str = Field(alias="firstName")
    last_name: str = Field(alias="lastName", default="")


class Step(BaseModel):
    explanation: str
    output: str


class Reasoning(BaseModel):
    steps: list[Step]
    final_answer: str


class Event(BaseModel):
    name: str
    date: str
    participants: list[str]


T = TypeVar("T")


class Page(BaseModel, Generic[T]):
    items: list[T]
    total: int


class Query(BaseModel):
    table: Literal["orders", "customers"]
    columns: list[Literal["id", "status", "total"]]
    limit: Optional[int] = Field(default=10, ge=1, le=100)
    order: Literal["asc", "desc"] = "asc"


class Names(RootModel[list[str]]):
    pass


class Matrix(BaseModel):
    rows: list[list[float]] = Field(min_length=1, max_length=4)


class Deep(BaseModel):
    a: dict[str, dict[str, list[Optional[int]]]]


class Shape(BaseModel):
    centre: tuple[float, float]
    flags: frozenset[Colour]
    tag: Literal["a", 1, True, None]


models = [
    Address, User, Person, Strict, Node, Owner, Either, Times, Numbers, Collections, Loose, Identified, Aliased,
    Reasoning, Event, Page[Person], Query, Names, Matrix, Deep, Shape,
]
schemas = {f"pydantic {re.sub(r'[^A-Za-z]+', ' ', one.__name__).strip()}": one.model_json_schema() for one in models}
for name, kind in {
    "int": int, "Optional[int]": Optional[int], "list[Person]": list[Person], "dict[str, int]": dict[str, int],
    "Literal": Literal["a", "b"], "Union": Union[Cat, Dog],
}.items():
    schemas[f"pydantic {name}"] = TypeAdapter(kind).json_schema()
json.dump(schemas, sys.stdout, indent=1)
print()
