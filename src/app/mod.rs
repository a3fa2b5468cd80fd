//! What a call means: a file or folder for each subject. Nothing here names tonic or a wire type.

pub mod contacts;
pub mod preferences;
pub mod update;
