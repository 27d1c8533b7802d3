// swift-tools-version: 6.2
import PackageDescription

// A program that embeds Swiftlet, as one outside of this repository would: README.md shows its source.
let package = Package(
    name: "embedding",
    dependencies: [.package(name: "swiftlet", path: "../..")],
    targets: [
        .executableTarget(name: "embedding", dependencies: [.product(name: "Swiftlet", package: "swiftlet")])
    ]
)
