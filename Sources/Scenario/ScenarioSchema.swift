/// The JSON schema of scenario files (draft 2020-12), by which editors complete and check them.
public enum ScenarioSchema {
    public static var text: String { String(decoding: PackageResources.scenario_schema_json, as: UTF8.self) }
}
