//! What a call means: a file or folder for each subject. Nothing here names tonic or a wire type.

pub mod channels;
pub mod contact_lists;
pub mod contacts;
pub mod custom_objects;
pub mod intake;
pub mod journal;
pub mod preferences;
pub mod revert;
pub mod suppressions;
pub mod update;
