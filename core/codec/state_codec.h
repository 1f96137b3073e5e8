// The state beside a definition in a record <-> JSON. The forms are written at the top of state_codec.cc.
//
// Internal to core/codec. Thread safety: pure functions.
#pragma once

#include <guidon/value.h>
#include "core/codec/reader.h"
#include "core/model/definitions.h"

namespace guidon::codec {

FlagState ReadFlagState(const Node& node);
LayerState ReadLayerState(const Node& node);
HoldoutState ReadHoldoutState(const Node& node);
ExperimentState ReadExperimentState(const Node& node);
NoState ReadNoState(const Node& node);

Object WriteState(const FlagState& state);
Object WriteState(const LayerState& state);
Object WriteState(const HoldoutState& state);
Object WriteState(const ExperimentState& state);
Object WriteState(const NoState& state);

}  // namespace guidon::codec
