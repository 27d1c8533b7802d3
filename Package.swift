// swift-tools-version: 6.2
import PackageDescription

/// Strictness for everything that is written here; dependencies keep their own settings. In release builds, the metadata of
/// generic types is made by the compiler where it can be: at a start, each type that is made at run time takes as long as
/// several system calls.
let strict: [SwiftSetting] = [
    .strictMemorySafety(),
    .treatAllWarnings(as: .error),
    .unsafeFlags(
        ["-Xfrontend", "-prespecialize-generic-metadata", "-Xfrontend", "-function-sections"],
        .when(configuration: .release)),
]

/// For the layers, of which the process that holds a guest is made: searching a string for a string brings the library of
/// regular expressions along, a tenth of that process's program and of the pages that its start relocates. Targets that
/// only the other programs have may do without.
let lean: [SwiftSetting] =
    strict + [.unsafeFlags(["-Xfrontend", "-disable-implicit-string-processing-module-import"])]

/// What a start runs lies together: see Tools/order-start.
let inOrderOfStart = [
    "-Xlinker", "--symbol-ordering-file=\(Context.packageDirectory)/Tools/lib/start-order",
    "-Xlinker", "--no-warn-symbol-ordering",
]

/// Static position-independent executables: they start in a fifth of the time of dynamic ones and keep address
/// space randomisation. Their relocations are packed: 600 KiB less to read at each start. Only release builds are made
/// this way: see Tools/build.
let staticExecutable: [LinkerSetting] = [
    .unsafeFlags(
        [
            "-static-executable", "-Xclang-linker", "-static-pie", "-use-ld=lld", "-Xlinker", "-zpack-relative-relocs",
        ] + inOrderOfStart,
        .when(configuration: .release))
]

/// A static executable at a fixed address: its start relocates nothing, which saves a third of the processor time that
/// the front end takes. It holds no guest and serves nobody.
let fixedExecutable: [LinkerSetting] = [
    .unsafeFlags(
        ["-static-executable", "-Xclang-linker", "-no-pie", "-use-ld=lld"] + inOrderOfStart,
        .when(configuration: .release)),
    // Of swift-argument-parser's, which names them only where all is built with --static-swift-stdlib.
    .linkedLibrary("_FoundationCollections", .when(configuration: .release)),
    .linkedLibrary("_FoundationCShims", .when(configuration: .release)),
]

let system: Target.Dependency = .product(name: "SystemPackage", package: "swift-system")
let argumentParser: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")

/// A layer of the design: it imports only what stands before it in the list of targets below.
func layer(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: lean)
}

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .testTarget(
        name: name, dependencies: dependencies, path: "Tests/\(name)", swiftSettings: [.treatAllWarnings(as: .error)])
}

let package = Package(
    name: "swiftlet",
    products: [
        .library(name: "Swiftlet", targets: ["Machine", "Configuration", "KernelImage"]),
        .executable(name: "swiftlet", targets: ["swiftlet"]),
        .executable(name: "swiftlet-vmm", targets: ["swiftlet-vmm"]),
        .executable(name: "swiftlet-api", targets: ["swiftlet-api"]),
        .executable(name: "swiftlet-agent", targets: ["swiftlet-agent"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-system", from: "1.8.1"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
    ],
    targets: [
        // C libraries, one module map each.
        .target(name: "CLinux"),
        .target(name: "CGuest"),
        .target(name: "CUring", linkerSettings: [.linkedLibrary("uring")]),
        .systemLibrary(name: "CElf", pkgConfig: "libelf", providers: [.apt(["libelf-dev"])]),
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
        .systemLibrary(name: "CLzma", pkgConfig: "liblzma", providers: [.apt(["liblzma-dev"])]),
        .systemLibrary(name: "CZstd", pkgConfig: "libzstd", providers: [.apt(["libzstd-dev"])]),
        .systemLibrary(name: "CMd", pkgConfig: "libmd", providers: [.apt(["libmd-dev"])]),
        .systemLibrary(name: "CYaml", pkgConfig: "yaml-0.1", providers: [.apt(["libyaml-dev"])]),
        .systemLibrary(name: "CLz4", pkgConfig: "liblz4", providers: [.apt(["liblz4-dev"])]),

        // The layers, top down.
        layer("Host", ["CLinux", system]),
        layer("RunDirectory", ["Host", system]),
        layer("Console", ["Host", system]),
        layer("JSON", []),
        layer("YAML", ["CYaml"]),
        layer("ELF", ["CElf"]),
        layer("Decompression", ["CZlib", "CLzma", "CZstd", "CLz4"]),
        layer("Digest", ["CMd"]),
        layer("KVM", ["CLinux", "Host", system]),
        layer("GuestMemory", ["CLinux", "Host", system]),
        layer("Virtio", ["GuestMemory"]),
        layer("VirtioMem", ["GuestMemory", "Virtio"]),
        layer("VhostUser", ["Host", system]),
        layer("DiskIO", ["CLinux", "CUring", "GuestMemory", "Host", system]),
        layer("Devices", ["DiskIO", "GuestMemory", "VhostUser", "Virtio", "Host", system]),
        layer("KernelLayout", []),
        layer("KernelImage", ["ELF", "Decompression", "Digest", "KernelLayout", "Host", system]),
        layer("LinuxBoot", ["GuestMemory", "KernelLayout"]),
        layer("Configuration", ["KernelLayout"]),
        layer("MachineLog", ["Configuration", "JSON", "Host", system]),
        layer(
            "Machine",
            [
                "Configuration", "LinuxBoot", "KernelLayout", "Devices", "DiskIO", "VhostUser", "VirtioMem", "Virtio",
                "GuestMemory", "KVM", "Host", system,
            ]),
        layer("Monitor", ["Machine", "Configuration", "Host", system]),
        layer("QMPProtocol", ["JSON", "Host", system]),

        // The agent in the guest, and what talks to it.
        .target(name: "AgentProtocol", exclude: ["PROTOCOL.md"], swiftSettings: strict),
        layer("AgentChannel", ["AgentProtocol", "Host", system]),
        layer("GuestSystem", ["CGuest", "Host", system]),
        .executableTarget(
            name: "swiftlet-agent", dependencies: ["AgentChannel", "AgentProtocol", "GuestSystem", "Host", system],
            swiftSettings: strict, linkerSettings: staticExecutable),

        .target(
            name: "QMP",
            dependencies: ["QMPProtocol", "Monitor", "Machine", "VirtioMem", "Configuration", "JSON", "Host"],
            resources: [.embedInCode("schema.json")], swiftSettings: lean),
        .executableTarget(
            name: "swiftlet-vmm",
            dependencies: [
                "QMP", "QMPProtocol", "JSON", "RunDirectory", "Console", "Monitor", "Machine", "MachineLog",
                "Configuration", "KVM", "Host", system,
            ],
            swiftSettings: lean, linkerSettings: staticExecutable),
        .target(name: "Control", dependencies: ["JSON", "YAML", "Configuration"], swiftSettings: strict),
        .target(name: "TestReport", dependencies: ["JSON", "Host"], swiftSettings: strict),
        .target(
            name: "Scenario", dependencies: ["TestReport", "Control", "YAML", "Configuration"],
            resources: [.embedInCode("scenario.schema.json")], swiftSettings: strict),
        .target(
            name: "ScenarioRunner",
            dependencies: [
                "Scenario", "TestReport", "AgentChannel", "AgentProtocol", "Control", "QMPProtocol", "Configuration",
                "JSON",
                "Host", system,
            ],
            swiftSettings: strict),
        .target(
            name: "CloudHypervisor", dependencies: ["Control", "Configuration", "JSON"],
            exclude: ["cloud-hypervisor.yaml"], swiftSettings: strict),
        .executableTarget(
            name: "swiftlet-api",
            dependencies: [
                "CloudHypervisor", "QMPProtocol", "MachineLog", "Configuration", "JSON", "Host", system,
                .product(name: "NIOCore", package: "swift-nio"), .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
            ],
            swiftSettings: strict, linkerSettings: staticExecutable),
        .executableTarget(
            name: "swiftlet",
            dependencies: [
                "AgentChannel", "AgentProtocol", "Control", "YAML", "QMPProtocol", "JSON", "RunDirectory", "Console",
                "Configuration", "KernelImage", "KernelLayout", "MachineLog", "Scenario", "ScenarioRunner",
                "TestReport",
                "Host", system, argumentParser,
            ],
            swiftSettings: strict, linkerSettings: fixedExecutable),

        // What several of the tests need.
        .target(
            name: "TestSupport", dependencies: ["GuestMemory", "Host", system], path: "Tests/TestSupport",
            swiftSettings: [.treatAllWarnings(as: .error)]),
        .target(
            name: "VirtioTestSupport", dependencies: ["Virtio", "GuestMemory"], path: "Tests/VirtioTestSupport",
            swiftSettings: [.treatAllWarnings(as: .error)]),
        .target(
            name: "DiskTestSupport",
            dependencies: ["Devices", "DiskIO", "Virtio", "VirtioTestSupport", "GuestMemory", "Host", system],
            path: "Tests/DiskTestSupport", swiftSettings: [.treatAllWarnings(as: .error)]),
        .target(
            name: "VhostUserTestSupport", dependencies: ["VhostUser", "CLinux", "Host", system],
            path: "Tests/VhostUserTestSupport", swiftSettings: [.treatAllWarnings(as: .error)]),
        tests("HostTests", ["Host", "CLinux", "TestSupport", system]),
        tests("GuestMemoryTests", ["GuestMemory", "Host", "TestSupport", system]),
        tests("KVMTests", ["KVM", "Host", system]),
        tests("VirtioTests", ["Virtio", "VirtioTestSupport", "GuestMemory", "TestSupport"]),
        tests("VirtioMemTests", ["VirtioMem", "Virtio", "VirtioTestSupport", "GuestMemory", "Host", "TestSupport"]),
        tests("VhostUserTests", ["VhostUser", "VhostUserTestSupport", "Host", "TestSupport", system]),
        tests("DiskIOTests", ["DiskIO", "GuestMemory", "Host", "CLinux", "VirtioTestSupport", system]),
        tests(
            "DevicesTests",
            [
                "Devices", "DiskIO", "DiskTestSupport", "VhostUser", "VhostUserTestSupport", "Virtio",
                "VirtioTestSupport", "GuestMemory", "Host", "TestSupport", system,
            ]),
        tests("KernelImageTests", ["KernelImage", "KernelLayout", "ELF", "Decompression", "Digest", "Host", system]),
        tests("LinuxBootTests", ["LinuxBoot", "KernelLayout", "GuestMemory", "TestSupport"]),
        tests("ConfigurationTests", ["Configuration", "KernelLayout"]),
        tests("AgentTests", ["AgentChannel", "AgentProtocol", "RunDirectory", "Host", system]),
        tests("RunDirectoryTests", ["RunDirectory", "Host", system]),
        tests("MachineLogTests", ["MachineLog", "JSON"]),
        tests("ConsoleTests", ["Console", "TestSupport"]),
        tests("JSONTests", ["JSON", "TestSupport"]),
        tests("YAMLTests", ["YAML"]),
        tests("TestReportTests", ["TestReport", "JSON", "TestSupport"]),
        tests("ScenarioTests", ["Scenario", "ScenarioRunner", "TestReport", "Control", "JSON", "Host", system]),
        tests(
            "ControlTests",
            [
                "Control", "YAML", "QMP", "QMPProtocol", "Monitor", "Machine", "VirtioMem", "Virtio", "GuestMemory",
                "Configuration", "JSON", "Host", "TestSupport",
            ]),
        tests("CloudHypervisorTests", ["CloudHypervisor", "Configuration", "JSON"]),
        tests(
            "MachineTests",
            [
                "Machine", "Configuration", "LinuxBoot", "KernelLayout", "Devices", "DiskTestSupport", "VhostUser",
                "VhostUserTestSupport", "VirtioMem", "Virtio", "VirtioTestSupport", "GuestMemory", "KVM", "Host",
                "TestSupport", system,
            ]),
        tests("FrontEndTests", ["swiftlet", "Control", argumentParser]),
        tests("CommandLineTests", ["Control", "QMPProtocol", "Configuration", "Host"]),
        tests(
            "EndToEnd",
            ["AgentChannel", "AgentProtocol", "Host", "Configuration", "KernelImage", "KernelLayout", system]),
    ],
    swiftLanguageModes: [.v6]
)

// Tools/fuzz builds this, in a directory of its own, with the layers that it tests instrumented, and nothing else. It
// says where the compiler has libFuzzer without a main.
if let fuzzer = Context.environment["SWIFTLET_FUZZ"] {
    for target in package.targets
    where ["GuestMemory", "Virtio", "VirtioMem", "VhostUser", "DiskIO", "Devices"].contains(target.name) {
        target.swiftSettings?.append(.unsafeFlags(["-sanitize=fuzzer"]))
    }
    package.targets += [
        .systemLibrary(name: "CFuzzer", path: "Tests/Fuzz/CFuzzer"),
        .executableTarget(
            name: "swiftlet-fuzz",
            dependencies: [
                "Devices", "DiskIO", "VhostUser", "VirtioMem", "Virtio", "GuestMemory", "Host", "CFuzzer", system,
            ],
            path: "Tests/Fuzz/Sources", swiftSettings: [.treatAllWarnings(as: .error)],
            linkerSettings: [.unsafeFlags(["-Xlinker", fuzzer]), .linkedLibrary("stdc++")]),
    ]
}

// Tools/bench builds this, in a directory of its own: the memory device alone.
if Context.environment["SWIFTLET_BENCH"] != nil {
    package.targets += [
        .executableTarget(
            name: "swiftlet-bench", dependencies: ["VirtioMem", "Virtio", "GuestMemory", "Host"],
            path: "Tests/Benchmarks/Device", swiftSettings: [.treatAllWarnings(as: .error)],
            linkerSettings: [.unsafeFlags(["-static-stdlib", "-Xlinker", "-S"], .when(configuration: .release))])
    ]
}
