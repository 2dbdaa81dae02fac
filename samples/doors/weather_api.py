"""An HTTP API, as any company has one: FastAPI writes its OpenAPI document."""

from __future__ import annotations

from typing import Annotated

from fastapi import FastAPI, HTTPException, Query
from pydantic import BaseModel, Field

app = FastAPI(title="Weather", description="Forecasts for cities.")
SKIES = {"tokyo": ("clear", 18), "oslo": ("snow", -3)}


class Forecast(BaseModel):
    city: str
    sky: str = Field(description="clear, rain, snow, ...")
    celsius: int


@app.get("/forecast", operation_id="forecast")
async def forecast(city: Annotated[str, Query(description="The city's name")]) -> Forecast:
    """What the weather will be in a city tomorrow."""
    if city.lower() not in SKIES:
        raise HTTPException(404, detail=f"no forecast for {city}")
    sky, celsius = SKIES[city.lower()]
    return Forecast(city=city, sky=sky, celsius=celsius)
