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

/** Uma verificação: os limites, do modelo `replicacao.pml`, e o que se espera. */
interface Verificacao {
  readonly limites: Record<string, number>;
  /** A propriedade que se espera ver quebrada, e porquê; ausente, nenhuma. */
  readonly quebra?: { readonly qual: keyof typeof QUEBRAS; readonly porque: string };
}

/** Como o laudo diz que uma propriedade se quebrou. */
const QUEBRAS = {
  D: /assertion violated .*tab\[/,
  E: /assertion violated \(o!=255\)/,
};

/** Uma pasta perdida e, depois, uma cópia antiga de uma pasta: sempre um só estragado. */
const COPIA = { KEYS: 1, PEDIDOS: 1, QUEDAS: 1, ROMPIMENTOS: 0, COPIAS: 1, UM_SO: 1 };
/** O mesmo, e mais uma queda do líder, que volta com a sua pasta. */
const COPIA_E_QUEDA = { ...COPIA, MORTES: 1, SO_PUTS: 1, SO_O_LIDER: 1 };
/** Três PUTs em duas keys, uma conexão rompida, e a pasta de um perdida. */
const A_MEIO = { KEYS: 2, PEDIDOS: 2, QUEDAS: 1, ROMPIMENTOS: 1, UM_SO: 1, SO_PUTS: 1 };

const VERIFICACOES: readonly Verificacao[] = [
  { limites: { KEYS: 1, PEDIDOS: 1, QUEDAS: 2, ROMPIMENTOS: 1 } },
  // As duas coisas juntas, com duas keys, não cabem na memória.
  { limites: { KEYS: 2, PEDIDOS: 1, QUEDAS: 2, ROMPIMENTOS: 0 } },
  { limites: { KEYS: 2, PEDIDOS: 1, QUEDAS: 1, ROMPIMENTOS: 1 } },
  { limites: { KEYS: 1, PEDIDOS: 2, QUEDAS: 1, ROMPIMENTOS: 1 } },
  { limites: COPIA },
  {
    limites: { ...COPIA, PELO_TIMESTAMP: 1 },
    quebra: { qual: "D", porque: "de propósito: o maior timestamp no lugar da história" },
  },
  {
    limites: { ...COPIA_E_QUEDA, SEM_E: 1, FIM_PELA_SEGUINTE: 1 },
    quebra: {
      qual: "D",
      porque:
        "um erro que já houve: uma época acabava onde começava a seguinte, que pode não ser o menor",
    },
  },
  {
    limites: { ...COPIA_E_QUEDA, SEM_TIMESTAMP: 1 },
    quebra: {
      qual: "E",
      porque: "um erro que já houve: com a pasta, o líder esquecia o timestamp de um SYNC",
    },
  },
  { limites: COPIA_E_QUEDA },
  {
    limites: { ...A_MEIO, SEM_O_QUE_FALTA: 1 },
    quebra: { qual: "D", porque: "um erro que já houve: uma cópia a meio passava por inteira" },
  },
  { limites: A_MEIO },
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

/** Verifica o modelo; devolve quantos estados viu. @throws se não deu o que se espera. */
async function verificar(pasta: string, { limites, quebra }: Verificacao): Promise<number> {
  const definicoes = Object.entries(limites).map(([nome, valor]) => `-D${nome}=${valor}`);
  await rodar(pasta, "spin", [...definicoes, "-a", "replicacao.pml"]);
  const opcoes = ["-w", "-O2", "-DSAFETY", "-DCOLLAPSE", `-DMEMLIM=${MEMORIA_MB}`];
  await rodar(pasta, "cc", [...opcoes, "-o", "pan", "pan.c"]);
  const laudo = await rodar(pasta, "./pan", ["-E", `-m${PROFUNDIDADE}`]);
  const estados = Number(/(\S+) states, stored/.exec(laudo)?.[1]);
  if (quebra) {
    if (QUEBRAS[quebra.qual].test(laudo)) return estados;
    throw new Error(`esperava ver quebrada a propriedade ${quebra.qual}:\n${laudo}`);
  }
  if (!/errors: 0\b/.test(laudo) || /not completed|max search depth/.test(laudo)) {
    throw new Error(`o modelo tem um erro, ou a busca não acabou:\n${laudo}`);
  }
  return estados;
}

if (import.meta.main) {
  const pasta = await Deno.makeTempDir({ prefix: "kv-modelo-" });
  try {
    await Deno.copyFile(MODELO, `${pasta}/replicacao.pml`);
    for (const verificacao of VERIFICACOES) {
      const { limites, quebra } = verificacao;
      const inicio = performance.now();
      const estados = await verificar(pasta, verificacao);
      const nome = Object.entries(limites).map(([nome, valor]) => `${valor} ${nome}`).join(", ");
      const segundos = Math.round((performance.now() - inicio) / 1000);
      const laudo = quebra
        ? `quebra ${quebra.qual}, como se espera (${quebra.porque}),`
        : "nenhum erro";
      escrever(`${nome}: ${laudo} em ${estados} estados (${segundos} s)`);
    }
  } catch (erro) {
    if (!(erro instanceof Deno.errors.NotFound)) throw erro;
    escrever("Faltam o spin ou um compilador C (no Debian: apt install spin gcc)");
    Deno.exitCode = 2;
  } finally {
    await Deno.remove(pasta, { recursive: true });
  }
}
