//! The layout of the library, held against its imports.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// Every module of `src`, with the modules it may build on standing in the layers before its own.
const LAYERS: &[&[&str]] = &[
    &["error", "secret", "text", "clock"],
    &["config", "http", "token", "flight", "jwt"],
    &["discovery", "store"],
    &["client", "resource"],
    &["token_source", "bearer"],
    &["flow"],
    &["login"],
    &["fuzzing"],
];

#[test]
fn every_module_has_a_layer() {
    for module in imports().keys() {
        assert!(
            layer(module).is_some(),
            "src/{module}.rs stands in no layer: add it to LAYERS and to the crate's docs"
        );
    }
}

#[test]
fn no_module_imports_from_a_higher_layer() {
    for (module, imported) in imports() {
        for other in imported {
            let below = layer(&other).unwrap_or_else(|| panic!("{module} imports {other}, which is no module"));
            assert!(Some(below) <= layer(&module), "{module} imports {other}, which stands above it");
        }
    }
}

#[test]
fn no_modules_import_each_other_in_a_circle() {
    let imports = imports();
    for start in imports.keys() {
        let mut seen = BTreeSet::new();
        let mut next: Vec<&String> = imports[start].iter().collect();
        while let Some(module) = next.pop() {
            assert_ne!(module, start, "{start} imports itself through {seen:?}");
            if seen.insert(module) {
                next.extend(&imports[module]);
            }
        }
    }
}

#[test]
fn no_file_is_longer_than_a_concept() {
    for file in source_files(Path::new("src")) {
        let lines = fs::read_to_string(&file).unwrap().lines().count();
        assert!(lines <= 300, "{} has {lines} lines: it holds more than one concept", file.display());
    }
}

fn layer(module: &str) -> Option<usize> {
    LAYERS.iter().position(|modules| modules.contains(&module))
}

/// What each top-level module imports of the others, its submodules counted as itself.
fn imports() -> BTreeMap<String, BTreeSet<String>> {
    let mut imports = BTreeMap::<String, BTreeSet<String>>::new();
    for file in source_files(Path::new("src")) {
        let path = file.strip_prefix("src").unwrap().with_extension("");
        let module = path.iter().next().unwrap().to_str().unwrap().to_owned();
        if module == "lib" {
            continue;
        }
        let text = fs::read_to_string(&file).unwrap();
        let used = text
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"))
            .flat_map(|line| line.split("crate::").skip(1))
            .map(|rest| {
                rest.split(|character: char| !character.is_alphanumeric() && character != '_')
                    .next()
                    .unwrap()
                    .to_owned()
            })
            .filter(|used| *used != module);
        imports.entry(module.clone()).or_default().extend(used);
    }
    imports
}

fn source_files(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(source_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}
