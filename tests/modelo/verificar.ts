/**
 * Verifica o modelo do protocolo, exaustivamente, dentro de limites: com o `spin`
 * (pacote do Debian) e um compilador C. Sem eles, diz o que falta e sai com 2.
 *
 * ```sh
 * deno task modelo
 * ```
 *
 * @module
 */

/** Os limites de cada verificação, do modelo `replicacao.pml`. */
const LIMITES = [
  { KEYS: 1, PEDIDOS: 1, QUEDAS: 2, ROMPIMENTOS: 1 },
  { KEYS: 2, PEDIDOS: 1, QUEDAS: 2, ROMPIMENTOS: 1 },
  { KEYS: 1, PEDIDOS: 2, QUEDAS: 1, ROMPIMENTOS: 1 },
];

/** Memória para os estados, em MB, e profundidade da busca. */
const MEMORIA_MB = 8_000;
const PROFUNDIDADE = 1_000_000;

const MODELO = new URL("replicacao.pml", import.meta.url);

function escrever(texto: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(texto + "\n"));
}

/** Roda um comando na pasta; devolve o que escreveu. @throws {Error} se falha. */
async function rodar(pasta: string, comando: string, args: string[]): Promise<string> {
  const saida = await new Deno.Command(comando, { args, cwd: pasta, stderr: "piped" }).output();
  const texto = new TextDecoder().decode(saida.stdout) + new TextDecoder().decode(saida.stderr);
  if (!saida.success) throw new Error(`${comando} falhou:\n${texto}`);
  return texto;
}

/** Verifica o modelo dentro de uns limites; devolve o número de estados. @throws se há um erro. */
async function verificar(pasta: string, limites: Record<string, number>): Promise<number> {
  const definicoes = Object.entries(limites).map(([nome, valor]) => `-D${nome}=${valor}`);
  await rodar(pasta, "spin", [...definicoes, "-a", "replicacao.pml"]);
  const opcoes = ["-w", "-O2", "-DSAFETY", "-DCOLLAPSE", `-DMEMLIM=${MEMORIA_MB}`];
  await rodar(pasta, "cc", [...opcoes, "-o", "pan", "pan.c"]);
  const laudo = await rodar(pasta, "./pan", ["-E", `-m${PROFUNDIDADE}`]);
  const estados = Number(/(\S+) states, stored/.exec(laudo)?.[1]);
  if (!/errors: 0\b/.test(laudo) || /not completed|max search depth/.test(laudo)) {
    throw new Error(`o modelo tem um erro, ou a busca não acabou:\n${laudo}`);
  }
  return estados;
}

if (import.meta.main) {
  const pasta = await Deno.makeTempDir({ prefix: "kv-modelo-" });
  try {
    await Deno.copyFile(MODELO, `${pasta}/replicacao.pml`);
    for (const limites of LIMITES) {
      const inicio = performance.now();
      const estados = await verificar(pasta, limites);
      const nome = Object.entries(limites).map(([nome, valor]) => `${valor} ${nome}`).join(", ");
      const segundos = Math.round((performance.now() - inicio) / 1000);
      escrever(`${nome}: nenhum erro em ${estados} estados (${segundos} s)`);
    }
  } catch (erro) {
    if (!(erro instanceof Deno.errors.NotFound)) throw erro;
    escrever("Faltam o spin ou um compilador C (no Debian: apt install spin gcc)");
    Deno.exitCode = 2;
  } finally {
    await Deno.remove(pasta, { recursive: true });
  }
}
