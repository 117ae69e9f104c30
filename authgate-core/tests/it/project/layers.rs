use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs;
use std::path::Path;

use authgate_test_support::files::rust_files;

/// The modules that each module imports.
type Imports = BTreeMap<String, BTreeSet<String>>;

#[test]
fn every_module_has_a_layer_and_imports_from_no_higher_one() {
    let layers = layers();
    for (module, imported) in imports_of_concepts() {
        let Some(layer) = layers.get(&module) else {
            panic!("src/{module}.rs has no layer: add it to the table in ARCHITECTURE.md");
        };
        for other in imported {
            assert!(
                layers.get(&other) <= Some(layer),
                "{module} imports {other}, which is in a higher layer"
            );
        }
    }
}

#[test]
fn the_picture_shows_the_layers() {
    let mut boxes = BTreeMap::new();
    for label in architecture().split("[\"").skip(1) {
        let label = label.split('"').next().unwrap();
        if let Some((layer, modules)) = label.split_once(' ') {
            let layer: usize = layer.parse().unwrap();
            boxes.extend(modules.split(", ").map(|module| (module.to_owned(), layer)));
        }
    }
    let mut layers = layers();
    let login = layers["login"];
    layers.retain(|_, layer| *layer <= login); // the highest layer is for tests only
    assert_eq!(boxes, layers);
}

#[test]
fn no_modules_or_files_import_each_other_in_a_circle() {
    assert_no_circle(&imports_of_concepts());
    for folder in [
        "src",
        "dev-server/src",
        "../rust-cli/src",
        "../rust-m2m/src",
    ] {
        assert_no_circle(&imports(folder));
    }
}

#[test]
fn imports_are_read_with_all_their_names() {
    let code = "use crate::a::B;\nuse crate::{\n    c::{D, e::F},\n    g as h,\n};\n/// crate::i\nlet j = crate::k::l(m, n);";
    assert_eq!(
        imported_paths(code),
        ["a::B", "c::D", "c::e::F", "g", "k::l"]
    );
}

fn architecture() -> String {
    fs::read_to_string("../ARCHITECTURE.md").unwrap()
}

/// Returns the layer of each module of `src`, from the table: a number, and modules in backticks.
fn layers() -> BTreeMap<String, usize> {
    let mut layers = BTreeMap::new();
    for row in architecture().lines() {
        let cells: Vec<_> = row.split('|').map(str::trim).collect();
        if let [_, layer, modules, ..] = cells[..]
            && let Ok(layer) = layer.parse()
        {
            let modules = modules.split('`').skip(1).step_by(2);
            layers.extend(modules.map(|module| (module.to_owned(), layer)));
        }
    }
    layers
}

fn assert_no_circle(imports: &Imports) {
    for start in imports.keys() {
        let mut ways = VecDeque::from([vec![start]]);
        let mut seen = BTreeSet::new();
        while let Some(way) = ways.pop_front() {
            for next in &imports[way[way.len() - 1]] {
                assert_ne!(
                    next, start,
                    "a circle: each of {way:?} imports the next, and the last imports the first"
                );
                if seen.insert(next) {
                    ways.push_back([way.as_slice(), &[next]].concat());
                }
            }
        }
    }
}

/// Returns which top-level modules import each other. A submodule counts as its top-level module.
fn imports_of_concepts() -> Imports {
    let concept = |module: &str| module.split("::").next().unwrap().to_owned();
    let mut concepts = Imports::new();
    for (module, imported) in imports("src") {
        let others = imported
            .iter()
            .map(|other| concept(other))
            .filter(|other| *other != concept(&module));
        concepts.entry(concept(&module)).or_default().extend(others);
    }
    concepts.remove("lib");
    concepts
}

/// Returns which files of a package import each other, by the paths of their modules. Paths with
/// `super::` and `self::` inside a module do not count.
fn imports(folder: &str) -> Imports {
    let module = |file: &Path| {
        let path = file.strip_prefix(folder).unwrap().with_extension("");
        path.iter()
            .map(|name| name.to_str().unwrap())
            .collect::<Vec<_>>()
            .join("::")
    };
    let files = rust_files(Path::new(folder));
    let modules: BTreeSet<_> = files.iter().map(|file| module(file)).collect();
    let imports = files.iter().map(|file| {
        let importing = module(file);
        let paths = imported_paths(&fs::read_to_string(file).unwrap());
        let mut imported: BTreeSet<_> = paths
            .iter()
            .map(|path| {
                let imported = defining_module(path, &modules);
                imported
                    .unwrap_or_else(|| {
                        panic!("{folder}: {importing} imports {path} from no module")
                    })
                    .to_owned()
            })
            .collect();
        imported.remove(&importing);
        (importing, imported)
    });
    imports.collect()
}

/// Returns the longest part of a path that is a module with its own file.
fn defining_module<'a>(mut path: &'a str, modules: &BTreeSet<String>) -> Option<&'a str> {
    while !modules.contains(path) {
        path = path.rsplit_once("::")?.0;
    }
    Some(path)
}

/// Returns the paths in the code that begin with `crate::`, without this prefix and with their
/// groups expanded.
fn imported_paths(code: &str) -> Vec<String> {
    let lines: Vec<&str> = code
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect();
    let code = lines.join("\n");
    let mut paths = Vec::new();
    for (position, root) in code.match_indices("crate::") {
        let path = &code[position + root.len()..];
        if code[..position].ends_with("use ") {
            paths.extend(paths_of_use(path.split(';').next().unwrap()));
        } else {
            let is_end = |character: char| {
                !character.is_alphanumeric() && character != '_' && character != ':'
            };
            paths.push(path.split(is_end).next().unwrap().to_owned());
        }
    }
    paths
}

fn paths_of_use(tree: &str) -> Vec<String> {
    let mut prefixes = vec![String::new()];
    let mut paths = Vec::new();
    for piece in tree.split_inclusive(['{', ',', '}']) {
        let name = piece
            .trim_matches(|character: char| character.is_whitespace() || "{,}".contains(character));
        let path = prefixes[prefixes.len() - 1].clone() + name.split(" as ").next().unwrap();
        if piece.ends_with('{') {
            prefixes.push(path);
            continue;
        }
        if !name.is_empty() {
            paths.push(path);
        }
        if piece.ends_with('}') {
            prefixes.pop();
        }
    }
    paths
}
