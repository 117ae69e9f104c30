//! The programs that are measured: built or installed once, below this package's target folder.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

const SDK: &str = "go-authgate";
const SDK_VERSION: &str = "0.2.2";

/// Where everything is.
pub(crate) struct Programs {
    /// Built beside this one.
    beside: PathBuf,
    workspace: PathBuf,
    package: PathBuf,
    /// For what is made here and may be deleted.
    pub(crate) scratch: PathBuf,
}

impl Programs {
    /// Builds and installs what is not there yet.
    pub(crate) fn ready() -> Result<Self> {
        let package = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        let workspace = package.join("../../..").canonicalize()?;
        let beside = std::env::current_exe()?.parent().context("a program in no folder")?.to_owned();
        let scratch = beside.join("side-by-side-scratch");
        std::fs::create_dir_all(&scratch)?;
        let programs = Self { beside, workspace, package, scratch };
        programs.build()?;
        programs.copy()?;
        programs.install()?;
        Ok(programs)
    }

    /// The workspace's programs as a release, and those of this package that cargo leaves out when
    /// it runs only one.
    fn build(&self) -> Result<()> {
        // One by one, as people run them: together, each would get the other's features.
        for package in ["rust-m2m", "rust-cli"] {
            run(self.cargo("build").args(["--locked", "--release", "--quiet", "-p", package]))?;
        }
        let manifest = self.package.join("Cargo.toml");
        run(self.cargo("build").args(["--locked", "--release", "--quiet", "--bins", "--manifest-path"]).arg(manifest))
    }

    /// As an installation would. What a linker has just written lies in memory page by page, and
    /// starting it takes up to a tenth longer than after a copy.
    fn copy(&self) -> Result<()> {
        for name in ["rust-m2m", "rust-cli", "three-requests", "launcher", "allocations"] {
            std::fs::copy(self.beside.join(name), self.scratch.join(name))
                .with_context(|| format!("{name} cannot be copied"))?;
        }
        Ok(())
    }

    fn install(&self) -> Result<()> {
        let complete = self.python_folder().join("complete");
        if complete.exists() {
            return Ok(());
        }
        let sdk = format!("{SDK}=={SDK_VERSION}");
        run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(self.python_folder()))?;
        run(Command::new(self.python()).args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            &sdk,
        ]))?;
        Ok(std::fs::write(complete, "")?)
    }

    /// cargo in the workspace, with the target folder that this program lies in.
    pub(crate) fn cargo(&self, subcommand: &str) -> Command {
        let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        let target = self.beside.parent().unwrap_or(&self.beside);
        command.arg(subcommand).current_dir(&self.workspace).env("CARGO_TARGET_DIR", target);
        command
    }

    /// A program of this package or of the workspace.
    pub(crate) fn built(&self, name: &str) -> PathBuf {
        self.scratch.join(name)
    }

    /// Python with the SDK.
    pub(crate) fn python(&self) -> PathBuf {
        self.python_folder().join("bin/python")
    }

    /// Each version has its own, so that none is measured under another's name.
    fn python_folder(&self) -> PathBuf {
        self.scratch.join(format!("python-{SDK}-{SDK_VERSION}"))
    }

    /// One of the Python peers.
    pub(crate) fn script(&self, name: &str) -> PathBuf {
        self.package.join("python").join(name)
    }

    /// `rust-m2m` on reqwest's default features.
    pub(crate) fn variant(&self) -> PathBuf {
        self.package.join("reqwest-defaults/Cargo.toml")
    }

    /// An empty folder, deleted when dropped.
    pub(crate) fn folder(&self) -> Result<tempfile::TempDir> {
        Ok(tempfile::tempdir_in(&self.scratch)?)
    }
}

/// Runs a command to its end.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).status();
    let program = Path::new(command.get_program()).display();
    let status = status.with_context(|| format!("{program} cannot be run"))?;
    ensure!(status.success(), "{program} failed: {status}");
    Ok(())
}
