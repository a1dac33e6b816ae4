/**
 * Os testes todos: os do sistema, e ao lado deles os do painel, que passam o tempo à espera do
 * navegador. O que os do painel dizem vem no fim, inteiro.
 *
 * ```sh
 * deno task test
 * ```
 *
 * @module
 */

const RAIZ = new URL("../", import.meta.url);

/** Onde estão os testes do painel. */
const DO_PAINEL = "tests/painel";

const OPCOES = [
  ...["test", "--doc", "-NRW", "--allow-run", "--trace-leaks"],
  ...["--sanitize-ops", "--sanitize-resources"],
  // O mapa de bibliotecas, se quem chamou escolheu um.
  ...Deno.args,
];

/** Os do sistema: os módulos também, cujos exemplos são testes. */
function doSistema(): string[] {
  const modulos = [...Deno.readDirSync(RAIZ)].map(({ name }) => name).filter((nome) =>
    nome.endsWith(".ts")
  );
  return [`--ignore=${DO_PAINEL}`, "tests/", "lib/", "ferramentas/", "ponte/", ...modulos.sort()];
}

function comecar(args: readonly string[], saida: "inherit" | "piped"): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: [...OPCOES, ...args],
    cwd: RAIZ,
    stdin: "null",
    stdout: saida,
    stderr: saida,
  }).spawn();
}

if (import.meta.main) {
  const painel = comecar([`${DO_PAINEL}/`, "exemplos/painel/"], "piped").output();
  const sistema = await comecar(doSistema(), "inherit").status;
  const { code, stdout, stderr } = await painel;
  await new Blob([stderr, stdout]).stream().pipeTo(Deno.stdout.writable);
  Deno.exitCode = sistema.code || code;
}
