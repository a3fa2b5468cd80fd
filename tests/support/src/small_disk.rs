//! A file system of a test's own that is soon full.

use std::{
    fs::{self, File},
    io::{ErrorKind, Write},
    os::unix::fs::{MetadataExt, chown},
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;

use super::{notice, postgres::NOBODY};

/// A mounted file system in memory. Dropped, it is unmounted.
pub struct SmallDisk {
    folder: TempDir,
}

impl SmallDisk {
    /// Mounts one of this many MiB. Returns None, with a notice, if that is not allowed: only root may.
    pub fn mount(mib: u32) -> Option<Self> {
        let folder = tempfile::tempdir_in("/tmp").expect("a temporary folder");
        let is_root = fs::metadata(folder.path()).expect("its owner").uid() == 0;
        let mounted = is_root
            && Command::new("mount")
                .args(["-t", "tmpfs", "-o", &format!("size={mib}m"), "tmpfs"])
                .arg(folder.path())
                .status()
                .is_ok_and(|status| status.success());
        if !mounted {
            notice("a test of a full disk is skipped: it needs to mount one");
            return None;
        }
        Some(Self { folder })
    }

    /// Where it is mounted.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// A folder on it that belongs to the user that PostgreSQL runs as.
    pub fn folder_of_postgres(&self) -> PathBuf {
        let folder = self.path().join("postgres");
        fs::create_dir(&folder).expect("a folder");
        // PostgreSQL's user must get there.
        chown(self.path(), Some(NOBODY), Some(NOBODY)).expect("an owner");
        chown(&folder, Some(NOBODY), Some(NOBODY)).expect("an owner");
        folder
    }

    /// Fills it until this many KiB are left.
    pub fn fill(&self, kib_left: u64) {
        self.free();
        let mut ballast = File::create(self.ballast()).expect("a file");
        let block = [0; 4096];
        let end = std::iter::repeat_with(|| ballast.write_all(&block)).find_map(Result::err);
        assert_eq!(end.map(|error| error.kind()), Some(ErrorKind::StorageFull));
        let size = ballast.metadata().expect("its size").len();
        let size = size.saturating_sub(kib_left * 1024);
        ballast.set_len(size).expect("a shorter file");
    }

    /// Makes room again.
    pub fn free(&self) {
        let _ = fs::remove_file(self.ballast());
    }

    fn ballast(&self) -> PathBuf {
        self.path().join("ballast")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Also while a file is still open there, which goes with its last user.
        let _ = Command::new("umount")
            .arg("--lazy")
            .arg(self.folder.path())
            .status();
    }
}
