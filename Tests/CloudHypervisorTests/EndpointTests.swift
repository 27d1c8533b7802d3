import Foundation
import Testing

@testable import CloudHypervisor

/// The table of endpoints, against the description of the API.
@Suite struct EndpointTests {
    /// The description's methods and endpoints, with the statuses that each lists.
    private static func description() throws -> [String: Set<Int>] {
        let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("../../Sources/CloudHypervisor/cloud-hypervisor.yaml")
        var result: [String: Set<Int>] = [:]
        var (name, key) = ("", "")
        for line in try String(contentsOf: path, encoding: .utf8).split(separator: "\n").drop(while: { $0 != "paths:" })
        {
            if line == "components:" { break }
            let word = line.drop { $0 == " " }.filter { $0 != "\"" }
            switch line.prefix(while: { $0 == " " }).count {
            case 2: name = String(word.dropFirst().dropLast())
            case 4:
                key = word.dropLast().uppercased() + " " + name
                result[key] = []
            case 8: Int(word.dropLast()).map { _ = result[key]?.insert($0) }
            default: break
            }
        }
        return result
    }

    @Test func everyEndpointIsThereAndNoOther() throws {
        let described = try Self.description()
        #expect(described.count > 25)
        #expect(Set(Endpoint.all.map { "\($0.method) \($0.name)" }) == Set(described.keys))
    }

    @Test(arguments: VMStateName.allCases)
    func everyAnswerIsDescribed(state: VMStateName) throws {
        let described = try Self.description()
        for endpoint in Endpoint.all {
            for body in ["", "{}", "[1", Client.plain, #"{"desired_ram": 5}"#, #"{"id": "x", "desired_ram": 0}"#] {
                let client = Client()
                client.bring(to: state)
                let answer = client(endpoint.method, endpoint.name, body)
                let known = try #require(described["\(endpoint.method) \(endpoint.name)"])
                #expect(known.contains(answer.status.rawValue), "\(endpoint.name) \(state) \(body): \(answer)")
                if answer.status.rawValue >= 400 { #expect(answer.message?.isEmpty == false) }
            }
        }
    }

    @Test func whatIsNotThere() {
        let client = Client()
        let missing = client("GET", "vm.nothing")
        #expect(
            missing.status == .notFound
                && missing.message == "there is no /api/v1/vm.nothing here; see /api/v1/vmm.ping")
        #expect(client.manager.answer(APIRequest(method: "GET", target: "*")).status == .notFound)
        let wrong = client("POST", "vm.info")
        #expect(wrong.status == .methodNotAllowed && wrong.allowedMethod == "GET")
        #expect(wrong.message == "vm.info takes GET, not POST")
        #expect(client("GET", "vmm.ping?x=1").status == .ok, "a query is nobody's")
    }
}
