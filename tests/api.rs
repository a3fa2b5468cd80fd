//! The tests of the service through its calls: a real server on a free port, with a database of its own for each test. There
//! is a folder for each resource, with a file for each call; `update` is the main call, with a file for each rule; `json` is calls in other forms than gRPC; `operators` is what operators see.

mod channels;
mod contacts;
mod custom_objects;
mod every_call;
mod json;
mod lists;
mod operators;
mod preferences;
mod update;
