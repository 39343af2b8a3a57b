// Reads manifests, for tests: node kubernetes.mjs FILE... prints each document as one line of JSON, and holds it to Kubernetes' own schema.
// Knows: the kinds that scripts/kubernetes has. Must not know: what a pipeline's pod is to look like.
// Environment: DUCKDB_MODULES, the folder of npm packages that scripts/install-destinations prints. Exit: 0; 1 a document is not valid.
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';

const require = createRequire(`${process.env.DUCKDB_MODULES}/`);
const yaml = require('yaml');
// Modules for `import` alone, by their files.
const model_of = async (version, kind) => (await import(`${process.env.DUCKDB_MODULES}/kubernetes-models/${version}/${kind}.js`))[kind];
const models = {
  'v1/ServiceAccount': () => model_of('v1', 'ServiceAccount'),
  'v1/Service': () => model_of('v1', 'Service'),
  'batch/v1/CronJob': () => model_of('batch/v1', 'CronJob'),
  'apps/v1/StatefulSet': () => model_of('apps/v1', 'StatefulSet'),
};

let bad = false;
for (const file of process.argv.slice(2)) {
  // Aliases are kept apart when printed; a second key of one name is an error of the reader's.
  for (const document of yaml.parseAllDocuments(readFileSync(file, 'utf8'))) {
    if (document.errors.length > 0) throw document.errors[0];
    const value = document.toJS();
    const model = models[`${value.apiVersion}/${value.kind}`];
    try {
      if (model === undefined) throw new Error(`no schema for ${value.apiVersion}/${value.kind}`);
      new (await model())(value).validate();
    } catch (error) {
      bad = true;
      console.error(`${file}: ${error.message}`);
      continue;
    }
    console.log(JSON.stringify(value));
  }
}
process.exitCode = bad ? 1 : 0;
